// Statistics while other threads work: figures that belong together stay together, and nothing goes
// back.

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "tests/server/client.h"
#include "tests/statistics/statistics_test.h"

namespace rondo::testing {
namespace {

class LoadTest : public StatisticsTest {};
INSTANTIATE_TEST_SUITE_P(All, LoadTest, ::testing::ValuesIn(Setups()), NameOf);

// That `later` has what `sooner` had.
void ExpectNothingGoesBack(const LoopStatistics& sooner, const LoopStatistics& later) {
  ASSERT_GE(later.accepted, sooner.accepted);
  for (size_t code = 0; code < later.closed.size(); ++code) {
    ASSERT_GE(later.closed[code], sooner.closed[code]);
  }
  ASSERT_GE(later.bytes_in, sooner.bytes_in);
  ASSERT_GE(later.messages_out, sooner.messages_out);
  ASSERT_GE(later.turns, sooner.turns);
  ASSERT_GE(later.busy + later.waiting, sooner.busy + sooner.waiting);
}

TEST_P(LoadTest, TheFiguresOfALoopBelongTogether) {
  constexpr size_t kMessage = 64;
  constexpr int kRounds = RONDO_SANITIZED ? 20 : 60;
  handler.on_traffic = [](Connection& connection) {
    const auto bytes = connection.Next();
    return CloseIfRefused(connection.Write(bytes));
  };
  const auto server = Start();
  std::atomic<bool> is_over = false;
  std::vector<std::thread> readers;
  for (int i = 0; i < 2; ++i) {
    readers.emplace_back([&] {
      std::vector<LoopStatistics> before(engine->loop_count());
      while (!is_over) {
        for (size_t loop = 0; loop < engine->loop_count(); ++loop) {
          const LoopStatistics now = engine->loop(loop).Statistics();
          ASSERT_NO_FATAL_FAILURE(ExpectNothingGoesBack(before[loop], now));
          uint64_t closed = 0;
          for (const uint64_t count : now.closed) closed += count;
          ASSERT_EQ(now.open, now.accepted - closed);
          // One message after the other, each read and answered in one turn.
          if (transform == nullptr) {
            ASSERT_EQ(now.bytes_in, kMessage * now.messages_in);
            ASSERT_EQ(now.messages_out, now.messages_in);
            ASSERT_EQ(now.bytes_out, now.bytes_in);
          }
          before[loop] = now;
        }
        (void)engine->Statistics();
      }
    });
  }
  std::vector<std::thread> clients;
  for (int i = 0; i < 4; ++i) {
    clients.emplace_back([&] {
      const std::string message(kMessage, 'x');
      for (int round = 0; round < kRounds; ++round) {
        Client client = Connect();
        for (int n = 0; n < 10; ++n) {
          ASSERT_TRUE(client.Send(message));
          ASSERT_EQ(client.Receive(kMessage), message);
        }
        if (round % 3 == 0) {
          client.Reset();
        } else {
          client.ShutdownWrite();
          EXPECT_EQ(client.WaitForEnd(), Client::Ending::kFin);
        }
      }
    });
  }
  for (std::thread& client : clients) client.join();
  ASSERT_TRUE(handler.WaitForClosed(4 * kRounds));
  is_over = true;
  for (std::thread& reader : readers) reader.join();
  const LoopStatistics all = Settled();
  EXPECT_EQ(all.accepted, uint64_t{4} * kRounds);
  EXPECT_EQ(all.open, 0u);
  EXPECT_EQ(all.bytes_in, uint64_t{4} * kRounds * 10 * kMessage);
}

}  // namespace
}  // namespace rondo::testing
