// A server whose statistics are compared with what the test, or its handler, has counted itself.
// GoogleTest owns it.

#ifndef RONDO_TESTS_STATISTICS_STATISTICS_TEST_H_
#define RONDO_TESTS_STATISTICS_STATISTICS_TEST_H_

#include <cstddef>

#include "absl/synchronization/notification.h"

#include "rondo/rondo.h"

#include "gtest/gtest.h"
#include "tests/server/server_test.h"

namespace rondo::testing {

class StatisticsTest : public ConformanceTest {
 protected:
  // Waits until each loop has published what it had done before. A task runs in the turn in which
  // it arrives: it may be the one that this is about, and the next one comes after it.
  void Settle() const {
    for (int i = 0; i < 2; ++i) {
      for (size_t loop = 0; loop < engine->loop_count(); ++loop) {
        absl::Notification has_run;
        ASSERT_TRUE(engine->loop(loop).Post([&] { has_run.Notify(); }));
        has_run.WaitForNotification();
      }
    }
  }
  // Of all loops, after that.
  LoopStatistics Settled() const {
    Settle();
    return engine->Statistics().all;
  }
};

}  // namespace rondo::testing

#endif  // RONDO_TESTS_STATISTICS_STATISTICS_TEST_H_
