// Rule 24: no peer sets the rate of the log. Each kind of line that a peer can cause comes ten
// times at most in a short while, and tells how many were left out before it.

#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"

#include "rondo/rondo.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/server_test.h"

namespace rondo::testing {
namespace {

constexpr int kCrowd = 200;

class LogTest : public ConformanceTest {
 protected:
  LogTest() : began_(absl::Now()) {
    options.log = [this](LogSeverity, std::string_view text) {
      absl::MutexLock lock(&mutex_);
      log_.emplace_back(text);
    };
  }
  // The lines with `text`.
  std::vector<std::string> Lines(std::string_view text) const {
    absl::MutexLock lock(&mutex_);
    std::vector<std::string> found;
    for (const std::string& line : log_) {
      if (line.find(text) != std::string::npos) found.push_back(line);
    }
    return found;
  }
  // A crowd has caused `count` lines with `text`: few of them have come, and once
  // `cause` has brought the next, all of them are accounted for.
  void ExpectBounded(const std::string& text, int count, const std::function<void()>& cause) {
    const auto bound = [&] {
      return 11 + static_cast<size_t>(absl::ToInt64Seconds(absl::Now() - began_));
    };
    EXPECT_GE(Lines(text).size(), 1u);
    EXPECT_LE(Lines(text).size(), bound());
    const size_t before = Lines(text).size();
    ASSERT_TRUE(Eventually([&] {
      cause();
      ++count;
      return Lines(text).size() > before;
    }));
    EXPECT_LE(Lines(text).size(), bound());
    int told = 0;
    for (const std::string& line : Lines(text)) {
      ++told;
      constexpr std::string_view kBefore = " (left out before it: ";
      const size_t note = line.find(kBefore);
      if (note != std::string::npos) told += std::stoi(line.substr(note + kBefore.size()));
    }
    EXPECT_EQ(told, count);
  }

 private:
  const absl::Time began_;
  mutable absl::Mutex mutex_;
  std::vector<std::string> log_;
};
INSTANTIATE_TEST_SUITE_P(All, LogTest, ::testing::ValuesIn(FewSetups()), NameOf);

TEST_P(LogTest, OfHandlersThatThrow) {
  handler.on_traffic = [](Connection&) -> Action { throw std::runtime_error("bad input"); };
  const auto server = Start();
  const auto disturb = [&] {
    Client client = Connect();
    EXPECT_TRUE(client.Send("x"));
    EXPECT_NE(client.WaitForEnd(), Client::Ending::kTimeout);
  };
  for (int i = 0; i < kCrowd; ++i) disturb();
  ExpectBounded("the event handler threw: bad input", kCrowd, disturb);
}

TEST_P(LogTest, OfTasksAndOfTheCallbacksOfWritesThatThrow) {
  handler.on_traffic = [](Connection& connection) {
    (void)connection.loop().Post([] { throw std::runtime_error("task"); });
    (void)connection.handle().Write(std::string(connection.Next()), [](const absl::Status&) {
      throw std::runtime_error("done");
    });
    return Action::kNone;
  };
  const auto server = Start();
  Client client = Connect();
  const auto disturb = [&] {
    EXPECT_TRUE(client.Send("x"));
    EXPECT_EQ(client.Receive(1), "x");
    // Both have run.
    for (size_t i = 0; i < engine->loop_count(); ++i) {
      absl::Notification ran;
      ASSERT_TRUE(engine->loop(i).Post([&] { ran.Notify(); }));
      ran.WaitForNotification();
    }
  };
  for (int i = 0; i < kCrowd; ++i) disturb();
  int more = 0;
  ExpectBounded("a task threw: task", kCrowd, [&] {
    ++more;
    disturb();
  });
  ExpectBounded("the callback of a write threw: done", kCrowd + more, disturb);
}

class ThrowingBalancer final : public LoadBalancer {
  size_t Pick(absl::Span<const LoopLoad>, const SocketAddress&) override {
    throw std::runtime_error("no idea");
  }
};

TEST_P(LogTest, OfALoadBalancerThatThrows) {
  const bool balances = options.accept_mode == AcceptMode::kAcceptor && options.loops > 1;
  if (!balances) GTEST_SKIP() << "nothing is balanced";
  options.load_balancer = std::make_unique<ThrowingBalancer>();
  const auto server = Start();
  const auto disturb = [&] { EXPECT_TRUE(Echoes()); };
  for (int i = 0; i < kCrowd; ++i) disturb();
  ExpectBounded("LoadBalancer::Pick threw: no idea", kCrowd, disturb);
}

}  // namespace
}  // namespace rondo::testing
