// A server in a steady state allocates nothing: it reuses for a message what the last one has left.
// A broadcast neither allocates nor leaves memory behind. And what is requested of a connection
// happens although there is no memory to note it.

#include <algorithm>
#include <atomic>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

#include "rondo/rondo.h"

#include "gtest/gtest.h"
#include "tests/process/allocator.h"
#include "tests/process/process_state.h"
#include "tests/process/requirements.h"
#include "tests/server/server_test.h"

namespace rondo::testing {
namespace {

// Echoes, and counts what its threads have allocated between any two callbacks while `counting`.
class CountingEcho : public EventHandler {
 public:
  enum class How { kWrite, kInPlace };
  explicit CountingEcho(How how) : how_(how) {}

  std::atomic<bool> counting = false;
  std::atomic<size_t> allocations = 0;
  std::atomic<size_t> callbacks = 0;

 private:
  Action OnTraffic(Connection& connection) override {
    thread_local size_t before = 0;
    thread_local bool counted = false;
    if (counting && counted) {
      allocations += AllocationCount() - before;
      ++callbacks;
    }
    counted = counting;
    before = AllocationCount();
    const std::string_view bytes = connection.Next();
    const WriteResult result =
        how_ == How::kWrite ? connection.Write(bytes) : WriteInPlace(connection, bytes);
    EXPECT_NE(result, WriteResult::kRefused);
    return Action::kNone;
  }
  static WriteResult WriteInPlace(Connection& connection, std::string_view bytes) {
    const absl::Span<char> room = connection.Reserve(bytes.size() + 100);
    EXPECT_EQ(room.size(), bytes.size() + 100);
    std::copy(bytes.begin(), bytes.end(), room.begin());
    return connection.Commit(bytes.size());
  }

  const How how_;
};

class AllocationTest : public ConformanceTest {
 protected:
  void ExpectSteadyStateWithoutAllocations(CountingEcho& echo);
};
INSTANTIATE_TEST_SUITE_P(All, AllocationTest, ::testing::ValuesIn(Setups()), NameOf);

TEST_P(AllocationTest, SteadyStateAllocatesNothing) {
  CountingEcho echo(CountingEcho::How::kWrite);
  ExpectSteadyStateWithoutAllocations(echo);
}

TEST_P(AllocationTest, WritingInPlaceAllocatesNothing) {
  CountingEcho echo(CountingEcho::How::kInPlace);
  ExpectSteadyStateWithoutAllocations(echo);
}

void AllocationTest::ExpectSteadyStateWithoutAllocations(CountingEcho& echo) {
  auto server = Engine::Start(echo, "tcp://127.0.0.1:0", options);
  ASSERT_TRUE(server.ok()) << server.status();
  std::vector<Client> clients;
  for (int i = 0; i < 16; ++i) clients.emplace_back((*server)->addresses()[0]);
  const auto exchange = [&](size_t bytes) {
    const std::string message(bytes, 'm');
    for (Client& client : clients) ASSERT_TRUE(client.Send(message));
    for (Client& client : clients) ASSERT_EQ(client.Receive(bytes), message);
  };
  // Small messages, those that are sent from the user's memory, and those that need a queue. At a
  // new peak of what is under way a connection may need something for the first time: a queue, and
  // on io_uring a record of what is being sent.
  const bool records = options.poller == PollerKind::kIoUring;
  for (const size_t bytes : {size_t{64}, size_t{10'000}, size_t{60'000}}) {
    echo.counting = false;
    for (int i = 0; i < 50; ++i) exchange(bytes);
    echo.allocations = echo.callbacks = 0;
    echo.counting = true;
    for (int i = 0; i < 50; ++i) exchange(bytes);
    EXPECT_GT(echo.callbacks, 500u);
    EXPECT_LE(echo.allocations, bytes < 60'000 && !records ? 0u : clients.size())
        << "with messages of " << bytes << " bytes";
  }
  clients.clear();
  EXPECT_EQ((*server)->Stop(absl::Seconds(10)), absl::OkStatus());
}

// Writes to all connections of the loop, and counts what that has allocated until the next turn.
class Broadcaster : public EventHandler {
 public:
  static constexpr size_t kBytes = 64;

  void Broadcast(EventLoop& loop) {
    ASSERT_TRUE(loop.Post([this] { Deliver(); }));
    before_ = AllocationCount();
    loop.ForEach([](Connection& connection) { (void)connection.Write(std::string_view(kText)); });
  }
  // Of the broadcast that began last.
  size_t WaitForAllocations() {
    absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(&is_done_));
    is_done_ = false;
    return allocations_;
  }

 private:
  static constexpr char kText[kBytes + 1] =
      "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ..";

  // A turn later: what was written has been sent by then.
  void Deliver() {
    const size_t allocations = AllocationCount() - before_;
    absl::MutexLock lock(&mutex_);
    allocations_ = allocations;
    is_done_ = true;
  }
  Action OnTraffic(Connection& connection) override {
    connection.Next();
    Broadcast(connection.loop());
    return Action::kNone;
  }

  // Loop thread only.
  size_t before_ = 0;
  absl::Mutex mutex_;
  size_t allocations_ ABSL_GUARDED_BY(mutex_) = 0;
  bool is_done_ ABSL_GUARDED_BY(mutex_) = false;
};

TEST_P(AllocationTest, ABroadcastAllocatesNothingAndLeavesNoMemoryBehind) {
  if (transform != nullptr) GTEST_SKIP() << "what is encoded needs a queue";
  constexpr size_t kClients = 600;
  RONDO_NEEDS(Descriptors(2 * kClients));
  options.loops = 1;
  Broadcaster handler;
  auto server = Engine::Start(handler, "tcp://127.0.0.1:0", options);
  ASSERT_TRUE(server.ok()) << server.status();
  std::vector<Client> clients;
  for (size_t i = 0; i < kClients; ++i) clients.emplace_back((*server)->addresses()[0]);
  ASSERT_TRUE(Eventually([&] { return (*server)->connection_count() == kClients; }));
  const auto from_callback = [&] { ASSERT_TRUE(clients[0].Send("x")); };
  const auto from_task = [&] {
    EventLoop& loop = (*server)->loop(0);
    ASSERT_TRUE(loop.Post([&] { handler.Broadcast(loop); }));
  };
  size_t before = 0;
  for (int round = 0; round < 8; ++round) {
    if (round == 1) before = ResidentBytes();
    round % 2 == 0 ? from_callback() : from_task();
    const size_t allocations = handler.WaitForAllocations();
    if (round >= 2) {
      EXPECT_EQ(allocations, 0u) << "round " << round;
    }
    for (Client& client : clients) ASSERT_EQ(client.Receive(Broadcaster::kBytes).size(), 64u);
  }
  if (!RONDO_SANITIZED) {
    EXPECT_LT(ResidentBytes(), before + kClients * 256);
  }
  clients.clear();
  EXPECT_EQ((*server)->Stop(absl::Seconds(10)), absl::OkStatus());
}

// Writes to all others of its loop when there is no memory.
class WriterWithoutMemory : public EventHandler {
 public:
  std::atomic<int> refused = 0, exhausted = 0, other_ends = 0;
  std::string write;

 private:
  Action OnTraffic(Connection& connection) override {
    connection.Next();
    (void)connection.Write("before");
    {
      const NoMemory no_memory;
      connection.loop().ForEach([&](Connection& other) {
        if (&other == &connection) return;
        if (other.Write(std::string_view(write)) == WriteResult::kRefused) ++refused;
        if (other.Writev({"a", "b"}) == WriteResult::kRefused) ++refused;
      });
    }
    return Action::kNone;
  }
  Action OnClose(Connection&, const absl::Status& reason) override {
    ++(absl::IsResourceExhausted(reason) ? exhausted : other_ends);
    return Action::kNone;
  }
};

TEST_P(AllocationTest, AWriteWithoutMemoryEndsTheConnectionItWasForAndNoOther) {
  constexpr int kClients = 10;
  options.loops = 1;
  WriterWithoutMemory handler;
  handler.write = std::string(100'000, 'x');
  auto server = Engine::Start(handler, "tcp://127.0.0.1:0", options);
  ASSERT_TRUE(server.ok()) << server.status();
  std::vector<Client> clients;
  for (int i = 0; i < kClients; ++i) clients.emplace_back((*server)->addresses()[0]);
  ASSERT_TRUE(Eventually([&] { return (*server)->connection_count() == kClients; }));
  ASSERT_TRUE(clients[0].Send("x"));
  EXPECT_EQ(clients[0].Receive(6), "before");
  ASSERT_TRUE(Eventually([&] { return (*server)->connection_count() == 1; }));
  EXPECT_EQ(handler.exhausted, kClients - 1);
  EXPECT_EQ(handler.other_ends, 0);
  EXPECT_EQ(handler.refused, 2 * (kClients - 1));
  EXPECT_EQ((*server)->Stop(absl::Seconds(10)), absl::OkStatus());
}

TEST_P(AllocationTest, WhatIsRequestedHappensWithoutMemoryToNoteIt) {
  constexpr int kClients = 20;
  options.loops = 1;
  EventHandler handler;
  auto server = Engine::Start(handler, "tcp://127.0.0.1:0", options);
  ASSERT_TRUE(server.ok()) << server.status();
  std::vector<Client> clients;
  for (int i = 0; i < kClients; ++i) {
    clients.emplace_back((*server)->addresses()[0],
                         Client::Options{.swaps_case = transform != nullptr});
  }
  ASSERT_TRUE(Eventually([&] { return (*server)->connection_count() == kClients; }));
  EventLoop& loop = (*server)->loop(0);
  ASSERT_TRUE(loop.Post([&] {
    const NoMemory no_memory;
    loop.ForEach([](Connection& connection) { connection.Close(); });
  }));
  for (Client& client : clients) ASSERT_EQ(client.WaitForEnd(), Client::Ending::kFin);
  EXPECT_EQ((*server)->Stop(absl::Seconds(10)), absl::OkStatus());
}

}  // namespace
}  // namespace rondo::testing
