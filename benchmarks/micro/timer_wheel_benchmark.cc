// The timer wheel with a million timers in it: start, cancel and fire must not care how many there
// are.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <deque>
#include <random>

#include "reactor/timer_wheel.h"

namespace rondo::reactor {
namespace {

class PlainTimer : public Timer {
 public:
  PlainTimer() : Timer([](Timer&) {}) {}
};

// A wheel with `count` timers that are due some time in the next minute, in ticks of a millisecond.
class Crowd {
 public:
  explicit Crowd(int64_t count) : wheel(0), timers(static_cast<size_t>(count)) {
    for (PlainTimer& timer : timers) wheel.Start(timer, SomeTick());
  }
  ~Crowd() {
    for (PlainTimer& timer : timers) {
      if (timer.scheduled()) wheel.Cancel(timer);
    }
  }

  Tick SomeTick() { return now + 1 + random() % 60000; }

  std::minstd_rand random{1};
  Tick now = 0;
  TimerWheel wheel;
  std::deque<PlainTimer> timers;  // A timer does not move.
};

void BM_StartAndCancel(benchmark::State& state) {
  Crowd crowd(state.range(0));
  PlainTimer timer;
  for (auto _ : state) {
    crowd.wheel.Start(timer, crowd.SomeTick());
    crowd.wheel.Cancel(timer);
  }
}
BENCHMARK(BM_StartAndCancel)->Arg(0)->Arg(1000)->Arg(1000000);

// Every timer that fires is started again. An iteration is one tick; the counter is ns a timer.
void BM_FireAndStartAgain(benchmark::State& state) {
  Crowd crowd(state.range(0));
  int64_t fired = 0;
  for (auto _ : state) {
    ++crowd.now;
    crowd.wheel.Advance(crowd.now, [&](Timer& timer) {
      ++fired;
      crowd.wheel.Start(timer, crowd.SomeTick());
    });
  }
  state.SetItemsProcessed(fired);
}
BENCHMARK(BM_FireAndStartAgain)->Arg(1000)->Arg(1000000);

}  // namespace
}  // namespace rondo::reactor
