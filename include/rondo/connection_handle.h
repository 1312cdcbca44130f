// ConnectionHandle is a small value that names a connection. Any thread may keep, copy and use one,
// for as long as it likes: a handle whose connection or engine has ended does nothing and reports
// that.

#ifndef RONDO_CONNECTION_HANDLE_H_
#define RONDO_CONNECTION_HANDLE_H_

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"

#include "rondo/platform.h"

namespace rondo {

class Connection;
class SettlingVisit;
namespace reactor {
class Mailbox;
}
namespace loop {
class EventLoopImpl;
}

class RONDO_API ConnectionHandle {
 public:
  // Runs exactly once, on the connection's loop: OK when the operation is complete, else why not.
  // When the loop has ended (Cancelled), its mailbox is full or there is no memory
  // (ResourceExhausted), the calling thread runs it before the call returns. It may try again then:
  // what is refused inside a `done` is told after it, by the outermost call, and not on top of it.
  // So one that tries until it succeeds keeps its thread busy, but does not exhaust the stack.
  using Done = absl::AnyInvocable<void(const absl::Status&)>;

  // Names no connection.
  ConnectionHandle() = default;

  // Any thread. The connection's id, also when it has gone; 0: the handle names none.
  uint64_t id() const { return uint64_t{era_} << 32 | generation_; }

  // Any thread. Writes `bytes`, after what the same thread wrote before. `done` gets OK once the
  // kernel has taken the last byte.
  void Write(std::string bytes, Done done = {}) const;
  // Any thread. As Write, for pieces that belong together.
  void Writev(std::vector<std::string> pieces, Done done = {}) const;
  // Any thread. Calls OnTraffic, whether or not bytes have arrived, and then `done`. When the
  // connection is closing, OnTraffic is not called and `done` gets Unavailable.
  void Wake(Done done = {}) const;
  // Any thread. As Connection::Close; `done` gets OK after OnClose has run.
  void Close(Done done = {}) const;
  // Any thread. Runs `task`, an AnyInvocable<void(Connection&)> or what becomes one, on the
  // connection's loop. False when the loop has ended, its mailbox is full (the task counts with its
  // own size) or there is no memory: the task was destroyed without having run. After true, it is
  // also destroyed without having run if the connection has ended by the time the loop comes to it.
  template <class F>
    requires std::constructible_from<absl::AnyInvocable<void(Connection&)>, F>
  bool Post(F&& task) const {
    RONDO_TRY {
      return PostTask(std::forward<F>(task), sizeof(std::decay_t<F>));
    } RONDO_CATCH_BAD_ALLOC {
      return false;
    }
  }

  // Equal when they name the same connection.
  friend bool operator==(const ConnectionHandle& a, const ConnectionHandle& b) = default;
  template <typename H>
  friend H AbslHashValue(H state, const ConnectionHandle& handle) {
    return H::combine(std::move(state), handle.mailbox_.get(), handle.slot_, handle.generation_,
                      handle.era_);
  }

 private:
  friend class Connection;
  friend class SettlingVisit;
  friend class loop::EventLoopImpl;
  ConnectionHandle(std::shared_ptr<reactor::Mailbox> mailbox, uint32_t slot, uint32_t generation,
                   uint32_t era)
      : mailbox_(std::move(mailbox)), slot_(slot), generation_(generation), era_(era) {}
  bool PostTask(absl::AnyInvocable<void(Connection&)> task, size_t bytes) const;

  std::shared_ptr<reactor::Mailbox> mailbox_;
  uint32_t slot_ = 0;
  // Slot and generation come again, after 2^32 connections of a loop; never in the same era.
  uint32_t generation_ = 0;
  uint32_t era_ = 0;
};

}  // namespace rondo

#endif  // RONDO_CONNECTION_HANDLE_H_
