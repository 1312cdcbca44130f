// The floor of io_uring: what an echo costs when there is no framework.
//
// Multishot accept into the ring's own file table, multishot receive over a registered ring of
// provided buffers, and a reply that is sent from the very buffer it arrived in, in one batch with
// the next wait. A message is one send entry, one receive completion and one send completion; there
// is one system call for all that are ready. A connection has one send under way, or they could
// overtake each other; what arrives meanwhile waits in its buffer, linked through `next`. Fixed
// replies are sent from where they are, as many at once as are owed.
//
// Tried side by side, 64 B messages, and not kept: sending inline with send(2) costs 14 % more CPU
// on 64 connections and 5 % on 1000; ordinary descriptors 3 %; receive buffers of 16 KiB instead of
// 64 KiB 3 % on messages of 16 KiB and 20 % on 64 KiB. Suppressing the send's completion, so that
// the buffer comes back a turn later, gains nothing measurable. Fixed replies by SEND_ZC cost from
// 13 % to 44 % more at 16 KiB, 19 % to 48 % at 64 KiB and up to twice as much at 1 MiB: over
// loopback the kernel copies them all the same, when they reach the receiver.
#include <liburing.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include <algorithm>
#include <cerrno>
#include <thread>
#include <vector>

#include "benchmarks/peers/arguments.h"
#include "benchmarks/peers/listener.h"
#include "benchmarks/peers/replies.h"

namespace peers {
namespace {

constexpr unsigned kSubmissions = 4096;
constexpr unsigned kCompletions = 32768;
constexpr int kBuffers = 256;
constexpr size_t kBufferBytes = 64 * 1024;
// One line more than a buffer: or the first lines of all of them would share a set of the cache.
constexpr size_t kStride = kBufferBytes + 64;
constexpr int kBufferGroup = 0;
constexpr uint16_t kNoBuffer = 0xffff;

enum class Operation : uint8_t { kAccept, kReceive, kSend, kClose };

uint64_t Tag(Operation operation, uint32_t slot, uint16_t buffer = 0) {
  return static_cast<uint64_t>(operation) << 56 | static_cast<uint64_t>(buffer) << 32 | slot;
}

// All of a process's descriptors may be connections.
unsigned MostConnections() {
  rlimit limit = {};
  getrlimit(RLIMIT_NOFILE, &limit);
  return static_cast<unsigned>(std::min<rlim_t>(limit.rlim_cur, 1 << 20));
}

void* Map(size_t bytes) {
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) Die("mmap");
  return memory;
}

class Loop {
 public:
  Loop(int listener, const Arguments& arguments);

  [[noreturn]] void Run() {
    for (;;) {
      io_uring_submit_and_wait(&ring_, 1);
      unsigned head = 0;
      unsigned count = 0;
      io_uring_cqe* completion = nullptr;
      io_uring_for_each_cqe(&ring_, head, completion) {
        Handle(*completion);
        ++count;
      }
      io_uring_cq_advance(&ring_, count);
      if (returned_ > 0) GiveBackBuffers();
    }
  }

 private:
  // By index into the ring's file table.
  struct Connection {
    uint16_t first_waiting = kNoBuffer;
    uint16_t last_waiting = kNoBuffer;
    bool sending = false;
    bool ended = false;
    size_t begun = 0;  // Bytes of a request that is not complete.
    size_t owed = 0;   // Bytes of fixed replies that are not sent.
  };
  struct Buffer {
    uint32_t size = 0;
    uint16_t next = kNoBuffer;
  };

  void Handle(const io_uring_cqe& completion) {
    auto slot = static_cast<uint32_t>(completion.user_data);
    switch (static_cast<Operation>(completion.user_data >> 56)) {
      case Operation::kReceive:
        return OnReceived(completion, slot);
      case Operation::kSend:
        return replies_.echo() ? OnSent(slot, static_cast<uint16_t>(completion.user_data >> 32))
                               : OnRepliesSent(slot, completion.res);
      case Operation::kAccept:
        return OnAccepted(completion);
      case Operation::kClose:
        return;
    }
  }

  void OnAccepted(const io_uring_cqe& completion) {
    if (completion.res >= 0) {
      connections_[completion.res] = {};
      ArmReceive(completion.res);
    }
    if (!(completion.flags & IORING_CQE_F_MORE)) ArmAccept();
  }

  void OnReceived(const io_uring_cqe& completion, uint32_t slot) {
    Connection& connection = connections_[slot];
    if (completion.res > 0) [[likely]] {
      auto buffer = static_cast<uint16_t>(completion.flags >> IORING_CQE_BUFFER_SHIFT);
      buffers_[buffer].size = completion.res;
      Work(work_us_);
      if (!replies_.echo()) [[unlikely]] {
        Return(buffer);
        Answer(slot, completion.res);
      } else if (connection.sending) {
        LetWait(connection, buffer);
      } else {
        Send(slot, buffer);
      }
      if (!(completion.flags & IORING_CQE_F_MORE)) ArmReceive(slot);
    } else if (completion.res == -ENOBUFS) {
      starved_.push_back(slot);
    } else if (connection.sending) {
      connection.ended = true;  // The last send closes it.
    } else {
      Close(slot);
    }
  }

  void OnSent(uint32_t slot, uint16_t buffer) {
    Return(buffer);
    Connection& connection = connections_[slot];
    connection.sending = false;
    if (connection.first_waiting != kNoBuffer) {
      uint16_t next = connection.first_waiting;
      connection.first_waiting = buffers_[next].next;
      Send(slot, next);
    } else if (connection.ended) {
      Close(slot);
    }
  }

  void Answer(uint32_t slot, size_t received) {
    Connection& connection = connections_[slot];
    connection.owed += replies_.Due(received, &connection.begun) * replies_.reply().size();
    if (connection.owed > 0 && !connection.sending) SendReplies(slot);
  }

  void SendReplies(uint32_t slot) {
    const std::string_view next = replies_.Next(connections_[slot].owed);
    PrepareSend(slot, next.data(), next.size())->user_data = Tag(Operation::kSend, slot);
  }

  void OnRepliesSent(uint32_t slot, int sent) {
    Connection& connection = connections_[slot];
    connection.sending = false;
    connection.owed -= std::max(sent, 0);
    if (sent < 0) connection.ended = true;
    if (connection.owed > 0 && !connection.ended) {
      SendReplies(slot);
    } else if (connection.ended) {
      Close(slot);
    }
  }

  void LetWait(Connection& connection, uint16_t buffer) {
    buffers_[buffer].next = kNoBuffer;
    if (connection.first_waiting == kNoBuffer) {
      connection.first_waiting = buffer;
    } else {
      buffers_[connection.last_waiting].next = buffer;
    }
    connection.last_waiting = buffer;
  }

  void Send(uint32_t slot, uint16_t buffer) {
    PrepareSend(slot, AddressOf(buffer), buffers_[buffer].size)->user_data =
        Tag(Operation::kSend, slot, buffer);
  }

  io_uring_sqe* PrepareSend(uint32_t slot, const char* data, size_t size) {
    io_uring_sqe* entry = Next();
    io_uring_prep_send(entry, slot, data, size, MSG_WAITALL | MSG_NOSIGNAL);
    entry->flags |= IOSQE_FIXED_FILE;
    connections_[slot].sending = true;
    return entry;
  }

  void ArmAccept() {
    io_uring_sqe* entry = Next();
    io_uring_prep_multishot_accept_direct(entry, listener_, nullptr, nullptr, 0);
    entry->user_data = Tag(Operation::kAccept, 0);
  }

  void ArmReceive(uint32_t slot) {
    io_uring_sqe* entry = Next();
    io_uring_prep_recv_multishot(entry, slot, nullptr, 0, 0);
    entry->flags |= IOSQE_FIXED_FILE | IOSQE_BUFFER_SELECT;
    entry->buf_group = kBufferGroup;
    entry->user_data = Tag(Operation::kReceive, slot);
  }

  void Close(uint32_t slot) {
    io_uring_sqe* entry = Next();
    io_uring_prep_close_direct(entry, slot);
    entry->flags |= IOSQE_CQE_SKIP_SUCCESS;
    entry->user_data = Tag(Operation::kClose, slot);
  }

  io_uring_sqe* Next() {
    io_uring_sqe* entry = io_uring_get_sqe(&ring_);
    while (entry == nullptr) {
      io_uring_submit(&ring_);
      entry = io_uring_get_sqe(&ring_);
    }
    return entry;
  }

  char* AddressOf(uint16_t buffer) { return memory_ + buffer * kStride; }

  void Return(uint16_t buffer) {
    io_uring_buf_ring_add(buffer_ring_, AddressOf(buffer), kBufferBytes, buffer, kBuffers - 1,
                          returned_++);
  }

  // Receives that found no buffer have ended, and begin again now that there are some.
  void GiveBackBuffers() {
    io_uring_buf_ring_advance(buffer_ring_, returned_);
    returned_ = 0;
    for (uint32_t slot : starved_) ArmReceive(slot);
    starved_.clear();
  }

  const int listener_;
  const int work_us_;
  const Replies replies_;
  io_uring ring_ = {};
  io_uring_buf_ring* buffer_ring_ = nullptr;
  char* memory_ = nullptr;
  int returned_ = 0;
  std::vector<Connection> connections_;
  Buffer buffers_[kBuffers];
  std::vector<uint32_t> starved_;
};

Loop::Loop(int listener, const Arguments& arguments)
    : listener_(listener),
      work_us_(arguments.work_us),
      replies_(arguments.request_bytes, arguments.reply_bytes) {
  io_uring_params parameters = {};
  parameters.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
                     IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE;
  parameters.cq_entries = kCompletions;
  errno = -io_uring_queue_init_params(kSubmissions, &ring_, &parameters);
  if (errno != 0) Die("io_uring");
  io_uring_register_ring_fd(&ring_);
  connections_.resize(MostConnections());
  errno = -io_uring_register_files_sparse(&ring_, connections_.size());
  if (errno != 0) Die("io_uring file table");

  memory_ = static_cast<char*>(Map(kBuffers * kStride));
  buffer_ring_ = static_cast<io_uring_buf_ring*>(Map(kBuffers * sizeof(io_uring_buf)));
  io_uring_buf_reg registration = {};
  registration.ring_addr = reinterpret_cast<uint64_t>(buffer_ring_);
  registration.ring_entries = kBuffers;
  registration.bgid = kBufferGroup;
  errno = -io_uring_register_buf_ring(&ring_, &registration, 0);
  if (errno != 0) Die("io_uring buffer ring");
  io_uring_buf_ring_init(buffer_ring_);
  for (uint16_t buffer = 0; buffer < kBuffers; ++buffer) Return(buffer);
  GiveBackBuffers();
  ArmAccept();
}

}  // namespace
}  // namespace peers

int main(int argc, char** argv) {
  peers::Arguments arguments = peers::ParseArguments(argc, argv);
  std::vector<int> listeners;
  for (int i = 0; i < arguments.loops; ++i) listeners.push_back(peers::Listen(&arguments.port, 0));
  // Where io_uring is refused it ends here, before it is taken for a server.
  peers::Loop first(listeners[0], arguments);
  peers::PrintListening(arguments.port);
  for (int i = 1; i < arguments.loops; ++i) {
    std::thread([&, i] { peers::Loop(listeners[i], arguments).Run(); }).detach();
  }
  first.Run();
}
