// What the statistics count is what has happened: connections and their ends, bytes, messages, what
// waits and what is held.

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/synchronization/notification.h"

#include "gtest/gtest.h"
#include "tests/kernel/faulty_sys.h"
#include "tests/process/process_state.h"
#include "tests/server/client.h"
#include "tests/statistics/statistics_test.h"

namespace rondo::testing {
namespace {

class CountsTest : public StatisticsTest {
 protected:
  CountsTest() {
    handler.on_traffic = [this](Connection& connection) {
      const std::string_view bytes = connection.Next();
      bytes_ += bytes.size();
      ++messages_;
      return CloseIfRefused(connection.Write(bytes));
    };
  }
  // What a transform adds to what `connections` were sent.
  size_t Greetings(size_t connections) const {
    return transform == nullptr ? 0 : connections * kSwapGreeting.size();
  }

  std::atomic<uint64_t> bytes_ = 0;
  std::atomic<uint64_t> messages_ = 0;
};
INSTANTIATE_TEST_SUITE_P(All, CountsTest, ::testing::ValuesIn(Setups()), NameOf);

TEST_P(CountsTest, BytesAndMessagesOfBothDirections) {
  const auto server = Start();
  std::vector<Client> clients;
  for (int i = 0; i < 5; ++i) clients.push_back(Connect());
  uint64_t sent = 0;
  // Gathered, sent at once, and more than a socket takes.
  for (const size_t length : {1, 64, 5000, 20'000, 3'000'000}) {
    for (Client& client : clients) {
      const std::string message = RandomBytes(length);
      // Both directions fill up: the client must read meanwhile.
      size_t out = 0, in = 0;
      while (out < length) {
        out += client.SendWhatFits(std::string_view(message).substr(out));
        const size_t some = std::min(out - in, size_t{16} << 10);
        in += client.Receive(some).size();
      }
      in += client.Receive(length - in).size();
      ASSERT_EQ(in, length);
      sent += length;
    }
  }
  const LoopStatistics all = Settled();
  EXPECT_EQ(all.bytes_in, sent);
  EXPECT_EQ(bytes_, sent);
  EXPECT_EQ(all.bytes_out, sent + Greetings(clients.size()));
  EXPECT_EQ(all.messages_out, messages_);
  EXPECT_GE(all.messages_in, 5 * clients.size());
}

TEST_P(CountsTest, EveryWayToWriteIsAMessage) {
  absl::Notification is_sent;
  handler.on_open = [&](Connection& connection) {
    EXPECT_EQ(connection.Write("1"), WriteResult::kOk);
    EXPECT_EQ(connection.Write(std::string(10'000, '2')), WriteResult::kOk);
    const std::array<std::string_view, 2> pieces = {"3", "4"};
    EXPECT_EQ(connection.Writev(pieces), WriteResult::kOk);
    const absl::Span<char> room = connection.Reserve(20);
    std::fill(room.begin(), room.end(), '5');
    EXPECT_EQ(connection.Commit(20), WriteResult::kOk);
    const absl::Span<char> large = connection.Reserve(40'000);
    std::fill(large.begin(), large.end(), '6');
    EXPECT_EQ(connection.Commit(40'000), WriteResult::kOk);
    std::FILE* const file = std::tmpfile();
    std::fputs("content", file);
    std::fflush(file);
    EXPECT_EQ(connection.SendFile(fileno(file), 0, 7), WriteResult::kOk);
    std::fclose(file);
    connection.handle().Write("7", [&](const absl::Status&) { is_sent.Notify(); });
    // These are none.
    EXPECT_EQ(connection.Write(std::string(options.connection.outbound_limit_bytes + 1, 'x')),
              WriteResult::kRefused);
    EXPECT_EQ(connection.Commit(1), WriteResult::kRefused);
    return Action::kNone;
  };
  const auto server = Start();
  Client client = Connect();
  constexpr size_t kBytes = 1 + 10'000 + 2 + 20 + 40'000 + 7 + 1;
  EXPECT_EQ(client.Receive(kBytes).size(), kBytes);
  is_sent.WaitForNotification();
  const LoopStatistics all = Settled();
  EXPECT_EQ(all.messages_out, 7u);
  EXPECT_EQ(all.bytes_out, kBytes + Greetings(1));
  EXPECT_EQ(all.messages_in, 0u);
}

TEST_P(CountsTest, ConnectionsByTheCodeOfTheirEnd) {
  handler.on_traffic = [](Connection& connection) {
    const std::string_view said = connection.Next();
    if (said == "n") connection.Close(absl::NotFoundError("nothing here"));
    if (said == "t") throw 1;
    return Action::kNone;
  };
  const auto server = Start();
  std::vector<Client> staying;
  for (int i = 0; i < 3; ++i) staying.push_back(Connect());
  for (const std::string said : {"n", "n", "t"}) {
    Client client = Connect();
    ASSERT_TRUE(client.Send(said));
    (void)client.WaitForEnd();
  }
  Client finishing = Connect();
  finishing.ShutdownWrite();
  (void)finishing.WaitForEnd();
  ASSERT_TRUE(handler.WaitForOpened(7));
  ASSERT_TRUE(handler.WaitForClosed(4));
  Client resetting = Connect();
  ASSERT_TRUE(handler.WaitForOpened(8));
  resetting.Reset();
  ASSERT_TRUE(handler.WaitForClosed(5));
  const LoopStatistics all = Settled();
  EXPECT_EQ(all.accepted, 8u);
  EXPECT_EQ(all.open, 3u);
  EXPECT_EQ(all.refused, 0u);
  EXPECT_EQ(all.closed_with(absl::StatusCode::kNotFound), 2u);
  EXPECT_EQ(all.closed_with(absl::StatusCode::kInternal), 1u);
  EXPECT_EQ(all.closed_with(absl::StatusCode::kOk), 1u);
  EXPECT_EQ(all.closed_with(absl::StatusCode::kUnavailable), 1u);
  // Each loop's are its own, and the acceptor has none.
  const EngineStatistics statistics = engine->Statistics();
  ASSERT_EQ(statistics.loops.size(), engine->loop_count());
  uint64_t accepted = 0;
  for (const LoopStatistics& loop : statistics.loops) accepted += loop.accepted;
  EXPECT_EQ(accepted, 8u);
  const bool has_acceptor =
      options.accept_mode == AcceptMode::kAcceptor && engine->loop_count() > 1;
  ASSERT_EQ(statistics.acceptor.has_value(), has_acceptor);
  if (has_acceptor) {
    EXPECT_EQ(statistics.acceptor->accepted, 0u);
    EXPECT_GT(statistics.acceptor->turns, 0u);
  }
}

TEST_P(CountsTest, ThoseThatAreTurnedAwayForLackOfDescriptors) {
  FaultySys kernel;
  const auto server = Start();
  kernel.Fail(Call::kAccept, EMFILE, 1);
  // With the descriptor in reserve.
  Client turned_away = Connect();
  EXPECT_NE(turned_away.WaitForEnd(), Client::Ending::kTimeout);
  // Those that come while it does so go the same way.
  uint64_t all_turned_away = 1;
  ASSERT_TRUE(Eventually([&] {
    const bool is_served = Echoes();
    if (!is_served) ++all_turned_away;
    return is_served;
  }));
  const LoopStatistics all = Settled();
  EXPECT_EQ(all.refused, all_turned_away);
  EXPECT_EQ(all.accepted, handler.opened());
}

TEST_P(CountsTest, AfterTheStopEverythingIsClosed) {
  const auto server = Start();
  std::vector<Client> clients;
  for (int i = 0; i < 4; ++i) clients.push_back(Connect());
  ASSERT_TRUE(handler.WaitForOpened(4));
  ASSERT_TRUE(clients[0].Send("last words"));
  (void)engine->Stop(absl::Seconds(10));
  EXPECT_EQ(clients[0].Receive(10), "last words");
  const LoopStatistics all = engine->Statistics().all;
  EXPECT_EQ(all.open, 0u);
  EXPECT_EQ(all.accepted, 4u);
  EXPECT_EQ(all.closed_with(absl::StatusCode::kOk), 4u);
  EXPECT_EQ(all.bytes_in, 10u);
  EXPECT_EQ(all.mailbox_depth, 0u);
  EXPECT_EQ(all.mailbox_bytes, 0u);
  EXPECT_EQ(all.timers, 0u);
  EXPECT_EQ(all.turn_lasts, absl::ZeroDuration());
  // Nothing goes on.
  const LoopStatistics later = engine->Statistics().all;
  EXPECT_EQ(later.busy, all.busy);
  EXPECT_EQ(later.waiting, all.waiting);
  EXPECT_EQ(later.turns, all.turns);
}

TEST_P(CountsTest, TheMailboxAndTheTimers) {
  const auto server = Start();
  EventLoop& loop = engine->loop(0);
  absl::Notification is_held, goes_on, is_over;
  const uint64_t timers = Settled().timers;
  ASSERT_TRUE(loop.Post([&] {
    for (int i = 0; i < 10; ++i) EXPECT_NE(loop.Schedule(absl::Hours(1), [] {}), TimerId::kNone);
    is_held.Notify();
    goes_on.WaitForNotification();
  }));
  is_held.WaitForNotification();
  EXPECT_EQ(loop.Statistics().mailbox_depth, 1u);
  const uint64_t bytes = loop.Statistics().mailbox_bytes;
  EXPECT_GT(bytes, 0u);
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(loop.Post([] {}));
  const std::array<char, 1000> large = {};
  ASSERT_TRUE(loop.Post([&is_over, large] {
    (void)large;
    is_over.Notify();
  }));
  EXPECT_EQ(loop.Statistics().mailbox_depth, 5u);
  EXPECT_GE(loop.Statistics().mailbox_bytes, bytes + 1000);
  goes_on.Notify();
  is_over.WaitForNotification();
  const LoopStatistics all = Settled();
  // The last task of each loop may just be ending.
  EXPECT_LE(all.mailbox_depth, engine->loop_count());
  EXPECT_EQ(all.timers, timers + 10);
}

TEST_P(CountsTest, TheMemoryOfBuffers) {
  constexpr size_t kLeft = 500'000;
  absl::Notification has_all;
  handler.on_traffic = [&](Connection& connection) {
    if (connection.buffered() == kLeft) has_all.Notify();
    if (connection.buffered() > kLeft) connection.Next();
    return Action::kNone;
  };
  const auto server = Start();
  Client client = Connect();
  ASSERT_TRUE(handler.WaitForOpened(1));
  const uint64_t before = Settled().buffer_bytes;
  EXPECT_GE(before, options.read_buffer_bytes);
  ASSERT_TRUE(client.Send(std::string(kLeft, 'x')));
  has_all.WaitForNotification();
  EXPECT_GE(Settled().buffer_bytes, before + kLeft);
  ASSERT_TRUE(client.Send("x"));
  // But for blocks that are kept for the next one.
  EXPECT_TRUE(Eventually([&] { return Settled().buffer_bytes < before + kLeft; }));
}

TEST_P(CountsTest, NoWorkersWhereThereAreNone) {
  const auto server = Start();
  EXPECT_FALSE(engine->Statistics().workers.has_value());
}

TEST_P(CountsTest, TheWorkersOfAnEngineThatHasSome) {
  options.workers = WorkerPoolOptions{.min_threads = 2, .max_threads = 2};
  handler.on_traffic = [](Connection& connection) {
    const auto reply = [](Connection& told, std::string text) { (void)told.Write(text); };
    (void)connection.Offload([text = std::string(connection.Next())] { return text; }, reply);
    return Action::kNone;
  };
  const auto server = Start();
  Client client = Connect();
  ASSERT_TRUE(client.Send("work"));
  EXPECT_EQ(client.Receive(4), "work");
  const EngineStatistics statistics = engine->Statistics();
  ASSERT_TRUE(statistics.workers.has_value());
  EXPECT_EQ(statistics.workers->threads, 2u);
  EXPECT_EQ(statistics.workers->begun, 1u);
}

}  // namespace
}  // namespace rondo::testing
