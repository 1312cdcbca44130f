// That tests may use Abseil's locks under ThreadSanitizer (tsan_mutex.cc): nothing here is a race.

#include <thread>

#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"

#include "gtest/gtest.h"

namespace rondo {
namespace {

TEST(SynchronizationTest, AMutexOrders) {
  absl::Mutex mutex;
  int value = 0;
  const auto add = [&] {
    for (int i = 0; i < 1000; ++i) {
      const absl::MutexLock lock(&mutex);
      ++value;
    }
  };
  std::thread other(add);
  add();
  other.join();
  EXPECT_EQ(value, 2000);
}

TEST(SynchronizationTest, AwaitAndConditionVariablesOrder) {
  absl::Mutex mutex;
  absl::CondVar changed;
  int value = 0;
  std::thread other([&] {
    for (int i = 1; i < 1000; i += 2) {
      const auto is_next = [&] { return value == i; };
      const absl::MutexLock lock(&mutex);
      mutex.Await(absl::Condition(&is_next));
      ++value;
      changed.Signal();
    }
  });
  for (int i = 0; i < 1000; i += 2) {
    const absl::MutexLock lock(&mutex);
    while (value != i) changed.WaitWithTimeout(&mutex, absl::Minutes(1));
    ++value;
  }
  other.join();
  EXPECT_EQ(value, 1000);
}

TEST(SynchronizationTest, NotificationsOrder) {
  absl::Notification notification, polled;
  absl::BlockingCounter counter(1);
  int first = 0, second = 0, third = 0;
  std::thread other([&] {
    first = 1;
    notification.Notify();
    second = 1;
    polled.Notify();
    third = 1;
    counter.DecrementCount();
  });
  notification.WaitForNotification();
  ++first;
  while (!polled.HasBeenNotified()) std::this_thread::yield();
  ++second;
  counter.Wait();
  ++third;
  EXPECT_EQ(first + second + third, 6);
  other.join();
}

}  // namespace
}  // namespace rondo
