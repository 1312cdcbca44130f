// A delay is never shorter than was asked for, and ends with the tick of the loop's clock, a
// millisecond, in which it has passed: at any phase of the clock, and not a further millisecond
// later because the kernel's call counts in them too.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>

#include "absl/synchronization/notification.h"
#include "absl/time/time.h"

#include "rondo/rondo.h"

#include "gtest/gtest.h"
#include "sys/sys.h"
#include "tests/server/server_test.h"

namespace rondo::testing {
namespace {

constexpr int64_t kTick = 1'000'000;
constexpr size_t kPhases = 10;
constexpr size_t kDelays = 10 * kPhases;

// In nanoseconds.
struct Lateness {
  // The least of all, after what was asked for.
  int64_t least = std::numeric_limits<int64_t>::max();
  // After the tick in which that has passed: of each phase of the clock the least, to which a busy
  // machine adds nothing.
  std::array<int64_t, kPhases> behind_tick;
};

class DelaysTest : public ConformanceTest {
 protected:
  DelaysTest() { options.loops = 1; }

  // How late kDelays of that length are, one after the other on an idle loop, each begun at another
  // phase of the clock.
  Lateness Measure(absl::Duration delay) {
    Lateness late;
    late.behind_tick.fill(late.least);
    absl::Notification done;
    EventLoop& loop = engine->loop(0);
    size_t count = 0;
    int64_t due = 0;
    std::function<void()> next;
    const auto ask = [&] {
      const int64_t phase = static_cast<int64_t>(count % kPhases) * (kTick / kPhases);
      const int64_t begin = sys::Now();
      const int64_t start = begin + (phase - begin % kTick + kTick) % kTick;
      while (sys::Now() < start) {
      }
      due = sys::Now() + absl::ToInt64Nanoseconds(delay);
      EXPECT_NE(loop.Schedule(delay, [&] { next(); }), TimerId::kNone);
    };
    next = [&] {
      const int64_t now = sys::Now();
      late.least = std::min(late.least, now - due);
      int64_t& behind = late.behind_tick[count % kPhases];
      behind = std::min(behind, now - (due + kTick - 1) / kTick * kTick);
      if (++count == kDelays) return done.Notify();
      ask();
    };
    EXPECT_TRUE(loop.Post(ask));
    done.WaitForNotification();
    return late;
  }
};
INSTANTIATE_TEST_SUITE_P(All, DelaysTest, ::testing::ValuesIn(Setups()), NameOf);

TEST_P(DelaysTest, AreNeverShortAndEndWithTheTickInWhichTheyHavePassed) {
  const auto server = Start();
  for (const int microseconds : {10, 300, 1250, 2999}) {
    int64_t behind = 0;
    EXPECT_TRUE(AtLeastOnce([&] {
      const Lateness late = Measure(absl::Microseconds(microseconds));
      EXPECT_GE(late.least, 0) << microseconds;
      behind = *std::max_element(late.behind_tick.begin(), late.behind_tick.end());
      // Up to a whole millisecond if the kernel's call rounds up.
      return behind < 250'000 || RONDO_SANITIZED;
    })) << microseconds << ": " << behind;
  }
}

}  // namespace
}  // namespace rondo::testing
