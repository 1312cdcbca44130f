#include "tests/simulation/visitor.h"

#include <memory>

#include "absl/time/time.h"

#include "sys/sys.h"

namespace rondo::simulation {
namespace {

// Keeps a promise once: when it runs, or when it is destroyed without having run.
class Once {
 public:
  Once(Promises& promises, size_t promise) : promises_(&promises), promise_(promise) {}
  Once(Once&& other) noexcept
      : promises_(std::exchange(other.promises_, nullptr)), promise_(other.promise_) {}
  Once& operator=(Once&&) = delete;
  ~Once() {
    if (promises_ != nullptr) promises_->Keep(promise_);
  }
  void Now() { std::exchange(promises_, nullptr)->Keep(promise_); }

 private:
  Promises* promises_;
  const size_t promise_;
};

}  // namespace

void Visitor::Run(int visits) {
  constexpr int64_t kLongestPause = 50'000'000;
  for (int i = 0; i < visits; ++i) {
    (void)sys::Sleep(random_.Magnitude(1, kLongestPause));
    switch (random_.Below(5)) {
      case 0:
        PostTask();
        break;
      case 4:
        BlockLoop();
        break;
      case 1:
        SetTimer();
        break;
      case 2:
        WakeConnection();
        break;
      default:
        PostToConnection();
    }
  }
}

void Visitor::PostTask() {
  EventLoop& loop = engine_.loop(random_.Below(engine_.loop_count()));
  const size_t promise = promises_.Make("a task that a loop took");
  Promises& promises = promises_;
  if (!loop.Post([&promises, promise] { promises.Keep(promise); })) promises_.Withdraw(promise);
}

void Visitor::BlockLoop() {
  EventLoop& loop = engine_.loop(random_.Below(engine_.loop_count()));
  const size_t promise = promises_.Make("a task that a loop took");
  Promises& promises = promises_;
  const int64_t blocked = random_.Magnitude(1000, 1'000'000'000);
  const auto block = [&promises, promise, blocked] {
    (void)sys::Sleep(blocked);
    promises.Keep(promise);
  };
  if (!loop.Post(block)) promises_.Withdraw(promise);
}

void Visitor::SetTimer() {
  EventLoop& loop = engine_.loop(random_.Below(engine_.loop_count()));
  const absl::Duration delay = absl::Nanoseconds(random_.Magnitude(1, 100'000'000));
  Once once(promises_, promises_.Make("a timer's task"));
  const TimerId id = loop.Schedule(delay, [once = std::move(once)]() mutable { once.Now(); });
  if (random_.Below(2) == 0) loop.Cancel(id);
}

void Visitor::WakeConnection() {
  const ConnectionHandle handle = handler_.AnyHandle(random_);
  const size_t promise = promises_.Make("the `done` of a Wake");
  Promises& promises = promises_;
  handle.Wake([&promises, promise](const absl::Status&) { promises.Keep(promise); });
}

void Visitor::PostToConnection() {
  const ConnectionHandle handle = handler_.AnyHandle(random_);
  Once once(promises_, promises_.Make("a connection's task"));
  (void)handle.Post([once = std::move(once)](Connection& connection) mutable {
    (void)connection.buffered();
    once.Now();
  });
}

}  // namespace rondo::simulation
