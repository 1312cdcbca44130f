#include "tests/process/child_process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "gtest/gtest.h"
#include "tests/process/process_state.h"

namespace rondo::testing {
namespace {

constexpr int kPatienceMs = 120'000;

struct Pipe {
  Pipe() {
    int ends[2] = {-1, -1};
    (void)::pipe2(ends, O_CLOEXEC);
    read.Reset(ends[0]);
    write.Reset(ends[1]);
  }
  UniqueFd read;
  UniqueFd write;
};

// In the child, where only what is safe in a signal handler may be called.
[[noreturn]] void Become(char* const* arguments, const rlimit& descriptors, pid_t parent, int in,
                         int out, int errors) {
  (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(127);
  (void)::setrlimit(RLIMIT_NOFILE, &descriptors);
  (void)::dup2(in, STDIN_FILENO);
  (void)::dup2(out, STDOUT_FILENO);
  (void)::dup2(errors, STDERR_FILENO);
  ::execvp(arguments[0], arguments);
  ::_exit(127);
}

bool WaitFor(int fd, short what) {
  pollfd entry = {.fd = fd, .events = what, .revents = 0};
  return ::poll(&entry, 1, kPatienceMs) > 0;
}

}  // namespace

ChildProcess::ChildProcess(const std::vector<std::string>& arguments, const Options& options) {
  Pipe in, out;
  std::vector<char*> argv;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  rlimit descriptors = {};
  (void)::getrlimit(RLIMIT_NOFILE, &descriptors);
  descriptors.rlim_cur =
      options.descriptor_limit > 0 ? options.descriptor_limit : descriptors.rlim_max;
  const int errors = options.errors == Errors::kRead ? out.write.get() : STDERR_FILENO;
  const pid_t parent = ::getpid();
  pid_ = ::fork();
  if (pid_ == 0) {
    Become(argv.data(), descriptors, parent, in.read.get(), out.write.get(), errors);
  }
  input_ = std::move(in.write);
  output_ = std::move(out.read);
}

ChildProcess::~ChildProcess() {
  if (status_ >= 0 || pid_ < 0) return;
  Signal(SIGKILL);
  (void)::waitpid(pid_, nullptr, 0);
}

std::string ChildProcess::ReadSome() {
  std::array<char, 64 << 10> part;
  if (!WaitFor(output_.get(), POLLIN)) {
    ADD_FAILURE() << "no output for " << kPatienceMs / 1000 << " s";
    return "";
  }
  const ssize_t length = ::read(output_.get(), part.data(), part.size());
  return length <= 0 ? "" : std::string(part.data(), static_cast<size_t>(length));
}

std::string ChildProcess::ReadLine() {
  size_t end;
  while ((end = unread_.find('\n')) == std::string::npos) {
    const std::string more = ReadSome();
    if (more.empty()) return std::exchange(unread_, "");
    unread_ += more;
  }
  std::string line = unread_.substr(0, end);
  unread_.erase(0, end + 1);
  return line;
}

std::string ChildProcess::ReadAll() {
  for (std::string more = ReadSome(); !more.empty(); more = ReadSome()) unread_ += more;
  return std::exchange(unread_, "");
}

bool ChildProcess::Write(std::string_view bytes) {
  // The pipe has no MSG_NOSIGNAL: a program that has ended is seen before it is written to.
  while (!bytes.empty()) {
    pollfd entry = {.fd = input_.get(), .events = POLLOUT, .revents = 0};
    if (::poll(&entry, 1, kPatienceMs) <= 0 || (entry.revents & POLLERR)) return false;
    const ssize_t written = ::write(input_.get(), bytes.data(), bytes.size());
    if (written < 0) return false;
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return true;
}

void ChildProcess::Signal(int number) const {
  if (status_ < 0 && pid_ > 0) (void)::kill(pid_, number);
}

int ChildProcess::Wait() {
  int status = 0;
  if (status_ >= 0 || pid_ < 0) return status_;
  if (!Eventually([&] { return ::waitpid(pid_, &status, WNOHANG) != 0; })) return -1;
  status_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return status_;
}

size_t ChildProcess::ResidentBytes() const {
  // Exact, where statm lags behind by some pages a thread.
  std::ifstream smaps("/proc/" + std::to_string(pid_) + "/smaps_rollup");
  std::string word;
  size_t kilobytes = 0;
  while (smaps >> word && word != "Rss:") {
  }
  smaps >> kilobytes;
  return kilobytes << 10;
}

size_t ChildProcess::CountDescriptors() const {
  const std::filesystem::directory_iterator folder("/proc/" + std::to_string(pid_) + "/fd");
  return static_cast<size_t>(std::distance(folder, std::filesystem::directory_iterator()));
}

absl::Duration ChildProcess::CpuTime() const {
  absl::Duration total;
  const std::filesystem::directory_iterator threads("/proc/" + std::to_string(pid_) + "/task");
  for (const auto& thread : threads) {
    int64_t nanoseconds = 0;
    std::ifstream(thread.path() / "schedstat") >> nanoseconds;
    total += absl::Nanoseconds(nanoseconds);
  }
  return total;
}

}  // namespace rondo::testing
