// Rule 6: no connection starves. While one connection, task or writer does its worst on a loop,
// another connection of the same loop is answered within a bounded time.

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"

#include "rondo/rondo.h"

#include "gtest/gtest.h"
#include "tests/server/server_test.h"

namespace rondo::testing {
namespace {

// One turn of a loop is some hundreds of receives, here of 128 KiB; a starved connection waits for
// ever. Between the two lies what a busy machine of two CPUs does to any thread.
constexpr absl::Duration kBound = absl::Milliseconds(500);

class FairnessTest : public ConformanceTest {
 protected:
  // How long an echo takes on a connection of its own for each loop, while the worst goes on: all
  // but one in twenty, which the machine may have held up. A starved connection is late each time.
  absl::Duration WorstEcho(int rounds = 100) {
    std::vector<Client> clients;
    for (int i = 0; i < 4; ++i) clients.push_back(Connect());
    std::vector<absl::Duration> times;
    for (int i = 0; i < rounds; ++i) {
      Client& client = clients[static_cast<size_t>(i) % clients.size()];
      const absl::Time begin = absl::Now();
      EXPECT_TRUE(client.Send("ping"));
      EXPECT_EQ(client.Receive(4), "ping");
      times.push_back(absl::Now() - begin);
    }
    std::sort(times.begin(), times.end());
    const absl::Duration worst = times[times.size() - 1 - times.size() / 20];
    RecordProperty("worst_echo_us", static_cast<int>(absl::ToInt64Microseconds(worst)));
    return worst;
  }

  // Two peers read as fast as they can what `write` writes for as long as the result is kOk; others
  // must be answered nevertheless.
  void EchoWhileWriting(std::function<WriteResult(Connection&)> write) {
    handler.on_writable = [&](Connection& connection) {
      while (write(connection) == WriteResult::kOk) {
      }
    };
    handler.on_traffic = [&](Connection& connection) {
      const std::string_view bytes = connection.Next();
      if (bytes == "endless") {
        while (write(connection) == WriteResult::kOk) {
        }
      } else {
        (void)connection.Write(bytes);
      }
      return Action::kNone;
    };
    const auto server = Start();
    std::atomic<bool> stop = false;
    std::vector<std::thread> readers;
    for (int i = 0; i < 2; ++i) {
      readers.emplace_back([&] {
        Client client = Connect();
        EXPECT_TRUE(client.Send("endless"));
        while (!stop && client.Receive(1 << 20).size() == 1 << 20) {
        }
      });
    }
    EXPECT_LT(WorstEcho(), kBound);
    stop = true;
    for (std::thread& reader : readers) reader.join();
  }
};
INSTANTIATE_TEST_SUITE_P(All, FairnessTest, ::testing::ValuesIn(Setups()), NameOf);

TEST_P(FairnessTest, AFloodingConnectionDoesNotDelayOthers) {
  handler.on_traffic = [](Connection& connection) {
    const std::string_view bytes = connection.Next();
    if (bytes.size() < 100) (void)connection.Write(bytes);
    return Action::kNone;
  };
  const auto server = Start();
  std::atomic<bool> stop = false;
  std::vector<std::thread> floods;
  for (int i = 0; i < 2; ++i) {
    floods.emplace_back([&] {
      Client client = Connect();
      const std::string bytes(1 << 20, 'x');
      while (!stop && client.Send(bytes)) {
      }
    });
  }
  EXPECT_LT(WorstEcho(), kBound);
  stop = true;
  for (std::thread& flood : floods) flood.join();
}

TEST_P(FairnessTest, AConnectionThatWakesItselfDoesNotDelayOthers) {
  std::atomic<int64_t> wakes = 0;
  handler.on_traffic = [&](Connection& connection) {
    if (connection.Peek().starts_with("w")) {
      ++wakes;
      connection.handle().Wake();
      return Action::kNone;
    }
    (void)connection.Write(connection.Next());
    return Action::kNone;
  };
  const auto server = Start();
  std::vector<Client> busy;
  for (int i = 0; i < 4; ++i) {
    busy.push_back(Connect());
    ASSERT_TRUE(busy.back().Send("wake"));
  }
  EXPECT_LT(WorstEcho(), kBound);
  EXPECT_GT(wakes, 100);
}

TEST_P(FairnessTest, AConnectionThatResumesAgainAndAgainDoesNotDelayOthers) {
  std::atomic<int64_t> offers = 0;
  std::atomic<bool> stop = false;
  handler.on_traffic = [&](Connection& connection) {
    if (!stop && connection.Peek().starts_with("o")) {
      ++offers;
      connection.PauseReading();
      EXPECT_TRUE(connection.handle().Post([](Connection& later) { later.ResumeReading(); }));
      return Action::kNone;
    }
    (void)connection.Write(connection.Next());
    return Action::kNone;
  };
  const auto server = Start();
  std::vector<Client> busy;
  for (int i = 0; i < 4; ++i) {
    busy.push_back(Connect());
    ASSERT_TRUE(busy.back().Send("offer"));
  }
  EXPECT_LT(WorstEcho(), kBound);
  EXPECT_GT(offers, 100);
  // What is never taken would hold a stop until the end of its grace.
  stop = true;
}

TEST_P(FairnessTest, ATaskThatPostsItselfDoesNotDelayOthers) {
  const auto server = Start();
  std::atomic<bool> stop = false;
  std::atomic<int64_t> runs = 0;
  std::function<void(EventLoop&)> again = [&](EventLoop& loop) {
    ++runs;
    if (!stop) (void)loop.Post([&] { again(loop); });
  };
  for (size_t i = 0; i < engine->loop_count(); ++i) {
    EventLoop& loop = engine->loop(i);
    for (int n = 0; n < 3; ++n) ASSERT_TRUE(loop.Post([&] { again(loop); }));
  }
  EXPECT_LT(WorstEcho(), kBound);
  EXPECT_GT(runs, 100);
  stop = true;
  ASSERT_TRUE(Stop().ok());
}

TEST_P(FairnessTest, ThreadsThatFloodTheMailboxDoNotDelayOthers) {
  options.mailbox_limit_bytes = 32 << 20;
  const auto server = Start();
  std::atomic<bool> stop = false;
  std::vector<std::thread> posters;
  for (int i = 0; i < 2; ++i) {
    posters.emplace_back([&] {
      for (size_t n = 0; !stop; ++n) {
        (void)engine->loop(n % engine->loop_count()).Post([] {});
      }
    });
  }
  EXPECT_LT(WorstEcho(20), kBound);
  stop = true;
  for (std::thread& poster : posters) poster.join();
}

TEST_P(FairnessTest, ATimerThatIsAlwaysDueDoesNotDelayOthers) {
  std::atomic<int64_t> ticks = 0;
  handler.on_tick = [&](EventLoop&) {
    ++ticks;
    return absl::ZeroDuration();
  };
  const auto server = Start();
  EXPECT_LT(WorstEcho(), kBound);
  EXPECT_GT(ticks, 0);
}

TEST_P(FairnessTest, ManyTimersOfOneMomentDoNotDelayOthers) {
  constexpr int kTimers = 10'000;
  // Of the loop that has the connection.
  int fired = 0;
  std::atomic<int> fired_before_request = 0;
  absl::Notification begun, sent;
  handler.on_traffic = [&](Connection& connection) {
    fired_before_request = fired;
    (void)connection.Write(connection.Next());
    return Action::kNone;
  };
  const auto server = Start();
  Client client = Connect();
  ASSERT_TRUE(client.Send("x") && client.Receive(1) == "x");
  ASSERT_TRUE(handler.handles()[0].Post([&](Connection& connection) {
    for (int n = 0; n < kTimers; ++n) {
      connection.loop().Schedule(absl::Milliseconds(1), [&] {
        if (++fired > 1) return;
        begun.Notify();
        sent.WaitForNotification();
      });
    }
    absl::Notification all_are_due;
    all_are_due.WaitForNotificationWithTimeout(absl::Milliseconds(50));
  }));
  begun.WaitForNotification();
  // The request is there before the second of them fires.
  ASSERT_TRUE(client.Send("y"));
  sent.Notify();
  ASSERT_EQ(client.Receive(1), "y");
  EXPECT_LT(fired_before_request, kTimers);
}

TEST_P(FairnessTest, AnEndlessWriterDoesNotDelayOthers) {
  EchoWhileWriting(
      [](Connection& connection) { return connection.Write(std::string(100'000, 'x')); });
}

TEST_P(FairnessTest, AWriterThatFlushesEndlesslyDoesNotDelayOthers) {
  EchoWhileWriting([](Connection& connection) {
    const WriteResult result = connection.Write(std::string(1000, 'x'));
    connection.Flush();
    return result;
  });
}

TEST_P(FairnessTest, AnEndlessFileDoesNotDelayOthers) {
  if (transform != nullptr) GTEST_SKIP() << "through a transform a file counts with its length";
  const UniqueFd file(::memfd_create("endless", MFD_CLOEXEC));
  ASSERT_EQ(::ftruncate(file.get(), int64_t{1} << 40), 0);
  EchoWhileWriting([&](Connection& connection) {
    (void)connection.SendFile(file.get(), 0, size_t{1} << 40);
    return WriteResult::kAboveHighWater;
  });
}

TEST_P(FairnessTest, APeerThatDoesNotReadWhileItIsClosedDoesNotDelayOthers) {
  handler.on_traffic = [](Connection& connection) {
    const std::string_view bytes = connection.Next();
    if (bytes != "close") return (void)connection.Write(bytes), Action::kNone;
    (void)connection.Write(std::string(8 << 20, 'x'));
    return Action::kClose;
  };
  options.connection.close_timeout = absl::Seconds(2);
  const auto server = Start();
  std::vector<Client> never_read;
  for (int i = 0; i < 8; ++i) {
    never_read.push_back(Connect({.receive_buffer_bytes = 4096}));
    ASSERT_TRUE(never_read.back().Send("close"));
  }
  // The reply is written by then.
  for (Client& client : never_read) ASSERT_EQ(client.Receive(1), "x");
  EXPECT_LT(WorstEcho(20), kBound);
  const absl::Duration before = CpuTime();
  const absl::Time begin = absl::Now();
  absl::Notification nothing;
  nothing.WaitForNotificationWithTimeout(absl::Milliseconds(200));
  EXPECT_LT(CpuTime() - before, (absl::Now() - begin) / 2) << "a spin is one whole";
}

}  // namespace
}  // namespace rondo::testing
