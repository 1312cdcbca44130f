// What Connection::Offload gives to a worker pool: a piece of work, and what comes of it on the
// connection's loop. OffloadOrder is for users; the rest is how connection.h keeps the two together
// without knowing their types.

#ifndef RONDO_OFFLOAD_H_
#define RONDO_OFFLOAD_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"

#include "rondo/event_handler.h"
#include "rondo/platform.h"

namespace rondo {

class Connection;
namespace stream {
class Offloads;
}

// How the offloads of one connection relate to each other. Those of different connections run side
// by side, as many as the pool has threads.
enum class OffloadOrder : uint8_t {
  // Works run side by side; each `then` comes after those of earlier offloads.
  kOrdered,
  // One after the other: a work begins when the `then` of the one before has returned. For what
  // works share that belongs to the connection.
  kSerial,
  // Works run side by side, and each `then` comes as soon as its work is done.
  kAsDone,
};

// A work and its `then`. It belongs to the loop but while the work runs, and ends there.
class RONDO_API OffloadedWork {
 public:
  OffloadedWork() = default;
  OffloadedWork(const OffloadedWork&) = delete;
  OffloadedWork& operator=(const OffloadedWork&) = delete;
  virtual ~OffloadedWork() = default;

  // On a thread of the pool; may throw.
  virtual void Run() = 0;
  // On the loop, after Run.
  virtual Action Finish(Connection& connection) = 0;

 private:
  friend class stream::Offloads;
  std::unique_ptr<OffloadedWork> next_;
  // Why Run has not returned in order.
  absl::Status failure_;
  uint32_t ticket_ = 0;
  OffloadOrder order_ = OffloadOrder::kOrdered;
};

template <class Work, class Then>
class OffloadedCall final : public OffloadedWork {
 public:
  OffloadedCall(Work work, Then then) : work_(std::move(work)), then_(std::move(then)) {}

  void Run() override {
    if constexpr (std::is_void_v<Result>) {
      work_();
    } else {
      result_.emplace(work_());
    }
  }
  Action Finish(Connection& connection) override {
    const auto then = [&]() -> decltype(auto) {
      if constexpr (std::is_void_v<Result>) {
        return then_(connection);
      } else {
        return then_(connection, *std::move(result_));
      }
    };
    if constexpr (std::is_void_v<decltype(then())>) {
      then();
      return Action::kNone;
    } else {
      return then();
    }
  }

 private:
  using Result = std::invoke_result_t<Work&>;
  struct Nothing {};

  Work work_;
  Then then_;
  [[no_unique_address]] std::conditional_t<std::is_void_v<Result>, Nothing,
                                           std::optional<Result>> result_;
};

}  // namespace rondo

#endif  // RONDO_OFFLOAD_H_
