// ChildProcess is a program that a test starts beside itself: it talks to it over pipes, looks at
// its figures in /proc, and ends it by its process id. Whatever becomes of the test, the program
// ends with the object, or with the thread that made it. For that thread only.
//
//   ChildProcess server({path, "--address=tcp://127.0.0.1:0"});
//   EXPECT_EQ(server.ReadLine(), "listening on tcp://127.0.0.1:40001");
//   server.Signal(SIGTERM);
//   EXPECT_EQ(server.Wait(), 0);

#ifndef RONDO_TESTS_PROCESS_CHILD_PROCESS_H_
#define RONDO_TESTS_PROCESS_CHILD_PROCESS_H_

#include <sys/types.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"

#include "rondo/unique_fd.h"

namespace rondo::testing {

class ChildProcess {
 public:
  enum class Errors {
    kShown,  // its standard error is the test's
    kRead,   // its standard error comes with its standard output
  };
  struct Options {
    // The soft RLIMIT_NOFILE; 0: as much as is allowed.
    size_t descriptor_limit = 0;
    Errors errors = Errors::kShown;
  };

  // Starts arguments[0], found along PATH where it has no slash. A program that cannot be started
  // ends with the status 127, as in a shell.
  explicit ChildProcess(const std::vector<std::string>& arguments)
      : ChildProcess(arguments, Options()) {}
  ChildProcess(const std::vector<std::string>& arguments, const Options& options);
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;
  ~ChildProcess();

  pid_t pid() const { return pid_; }

  // --- Talking. Each call takes at most 30 s.

  // The next line of its output, without the end of the line; what is left of one at the end.
  std::string ReadLine();
  // All that is left of its output, up to its end.
  std::string ReadAll();
  // False when it does not read any more.
  bool Write(std::string_view bytes);
  // The end of its input.
  void CloseInput() { input_.Reset(); }

  // --- Ending.

  void Signal(int number) const;
  // The exit status, or 128 + the signal that ended it, as a shell would say it; -1 when it goes
  // on for more than 30 s.
  int Wait();

  // --- Figures, while it runs.

  // Resident memory, in bytes.
  size_t ResidentBytes() const;
  size_t CountDescriptors() const;
  // User and system time of all threads that there are, to the nanosecond.
  absl::Duration CpuTime() const;

 private:
  // More of its output, "" at the end.
  std::string ReadSome();

  pid_t pid_ = -1;
  int status_ = -1;
  UniqueFd input_;
  UniqueFd output_;
  std::string unread_;
};

}  // namespace rondo::testing

#endif  // RONDO_TESTS_PROCESS_CHILD_PROCESS_H_
