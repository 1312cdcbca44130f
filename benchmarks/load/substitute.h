// What Ring uses where the kernel refuses io_uring: the operations of the generator, made by epoll
// and plain calls, with the completions that io_uring would give. It costs the generator more CPU
// time a message; the server does not see the difference.
//
// Used by one thread. Descriptors have the numbers that their operations name: it knows nothing of
// registered files.
#ifndef RONDO_BENCHMARKS_LOAD_SUBSTITUTE_H_
#define RONDO_BENCHMARKS_LOAD_SUBSTITUTE_H_

#include <liburing.h>

#include <cstdint>
#include <deque>
#include <optional>
#include <unordered_map>
#include <vector>

#include "benchmarks/load/plan.h"

namespace load {

class Substitute {
 public:
  // Of io_uring's, what a handler looks at.
  struct Completion {
    uint64_t user_data;
    int32_t res;
    uint32_t flags;
  };

  // Receives into `memory`: `buffers` pieces of `buffer_bytes`.
  Substitute(unsigned submissions, unsigned buffers, uint32_t buffer_bytes, char* memory);
  ~Substitute();
  Substitute(const Substitute&) = delete;
  Substitute& operator=(const Substitute&) = delete;

  // The next entry of the batch, which is begun first when it is full.
  io_uring_sqe* Next();
  void Submit();
  // Returns once there is a completion, or at `deadline_ns` on the clock of Now().
  void SubmitAndWaitUntil(uint64_t deadline_ns);

  // Those there are, until the next call.
  const std::vector<Completion>& TakeCompletions();
  void ReturnBuffer(uint16_t id) { free_buffers_.push_back(id); }
  void RegisterFiles(const std::vector<int>& fds) { files_ = fds; }

 private:
  // What is under way on a descriptor: sends, in their order, and one receive.
  struct Descriptor {
    struct Send {
      io_uring_sqe entry;
      uint32_t done;
    };
    std::deque<Send> sends;
    std::optional<io_uring_sqe> receive;
    uint32_t received = 0;  // of one that waits for all its bytes
    uint32_t watched = 0;   // what epoll was told
  };

  int FileOf(const io_uring_sqe& entry) const;
  // Negative when it has failed, so that what is linked to it does not begin.
  int Begin(const io_uring_sqe& entry);
  int ConnectNow(const io_uring_sqe& entry);
  void Complete(const io_uring_sqe& entry, int32_t result, uint32_t flags = 0);
  void GoOn(int fd, uint32_t events);
  // Negative when a send has failed.
  int GoOnSending(int fd, Descriptor& descriptor);
  void GoOnReceiving(int fd, Descriptor& descriptor);
  bool ReceiveIntoBuffer(int fd, Descriptor& descriptor);
  void Watch(int fd, Descriptor& descriptor);
  void CompleteTimeouts();

  const unsigned most_entries_;
  const uint32_t buffer_bytes_;
  char* const memory_;
  const int epoll_;
  std::vector<io_uring_sqe> entries_;
  std::vector<io_uring_sqe> begun_;
  std::vector<int> files_;
  std::vector<uint16_t> free_buffers_;
  std::unordered_map<int, Descriptor> descriptors_;
  std::vector<io_uring_sqe> timeouts_;
  std::vector<Completion> completions_;
  std::vector<Completion> taken_;
};

}  // namespace load

#endif  // RONDO_BENCHMARKS_LOAD_SUBSTITUTE_H_
