// The mailbox of a loop: posting from one thread and from four, while a loop that never sleeps
// collects.
#include <benchmark/benchmark.h>

#include <atomic>
#include <memory>
#include <thread>

#include "base/on_loop.h"
#include "poll/waker.h"
#include "reactor/mailbox.h"

namespace rondo::reactor {
namespace {

class Parcel : public Mail {
 public:
  Parcel() : Mail(sizeof(Parcel)) {}
  void Deliver(loop::EventLoopImpl&) override {}
};

// Deliver gets the loop; a Parcel does not use it, so there need not be one.
alignas(64) char no_loop[64];
loop::EventLoopImpl& NoLoop() {
  return *static_cast<loop::EventLoopImpl*>(static_cast<void*>(no_loop));
}

constexpr size_t kUnboundedBytes = size_t{1} << 40;

// A mailbox with a thread that keeps delivering.
class Collected {
 public:
  Collected() : mailbox_(kUnboundedBytes, *poll::Waker::New()), collector_([this] { Collect(); }) {}
  ~Collected() {
    stop_.store(true, std::memory_order_relaxed);
    collector_.join();
  }

  void Post() { mailbox_.Post(std::make_unique<Parcel>()); }

 private:
  void Collect() {
    base::AssertOnLoop();
    while (!stop_.load(std::memory_order_relaxed)) mailbox_.Deliver(NoLoop());
    mailbox_.Close();
  }

  Mailbox mailbox_;
  std::atomic<bool> stop_{false};
  std::thread collector_;
};

Collected* shared = nullptr;

void BM_Post(benchmark::State& state) {
  if (state.thread_index() == 0) shared = new Collected;
  for (auto _ : state) shared->Post();
  if (state.thread_index() == 0) {
    delete shared;
    shared = nullptr;
  }
}
BENCHMARK(BM_Post)->Threads(1)->Threads(4)->UseRealTime();

// The same thread posts and collects: the cost without contention.
void BM_PostAndDeliver(benchmark::State& state) {
  base::AssertOnLoop();
  Mailbox mailbox(kUnboundedBytes, *poll::Waker::New());
  for (auto _ : state) {
    mailbox.Post(std::make_unique<Parcel>());
    mailbox.Deliver(NoLoop());
  }
  mailbox.Close();
}
BENCHMARK(BM_PostAndDeliver);

}  // namespace
}  // namespace rondo::reactor
