// A stop in the middle of all that a handler may do: it leaves input, yields, is paused, has a slow
// peer. What the server's kernel had taken before is delivered all the same, and comes back whole
// where the handler echoes it.

#include <linux/sockios.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/synchronization/notification.h"

#include "rondo/rondo.h"

#include "gtest/gtest.h"
#include "tests/process/process_state.h"
#include "tests/server/client.h"
#include "tests/stress/fuzz/fuzz.h"

namespace rondo::testing {
namespace {

constexpr size_t kPeers = 30;
constexpr size_t kMostBytes = 300'000;

struct Mood : ConnectionContext {
  explicit Mood(unsigned seed) : random(seed) {}

  size_t Random(size_t bound) { return random() % bound; }

  std::mt19937 random;
};

bool IsTaken(const Client& client) {
  int unacknowledged = 0;
  return ::ioctl(client.fd(), SIOCOUTQ, &unacknowledged) == 0 && unacknowledged == 0;
}

class StopFuzzTest : public FuzzTest {
 protected:
  StopFuzzTest() : echoes_(Random(2) == 0) {
    options.connection.socket.receive_buffer_bytes = 1 << 20;
    handler.on_open = [this](Connection& connection) {
      connection.set_context(std::make_unique<Mood>(GetParam().seed * 1000 + next_++));
      return Action::kNone;
    };
    handler.on_traffic = [this](Connection& connection) {
      Work(connection);
      return Action::kNone;
    };
    handler.on_writable = [this](Connection& connection) { Work(connection); };
    handler.on_peer_shutdown = [this](Connection& connection) {
      Take(connection, connection.buffered());
      return Action::kClose;
    };
  }

  void Take(Connection& connection, size_t length) {
    delivered_ += length;
    if (echoes_) {
      EXPECT_NE(connection.Write(connection.Next(length)), WriteResult::kRefused);
    } else {
      connection.Discard(length);
    }
  }

  void Work(Connection& connection) {
    Mood& mood = *connection.context<Mood>();
    for (size_t rounds = 1 + mood.Random(3); rounds > 0 && connection.buffered() > 0; --rounds) {
      Take(connection, std::min(connection.buffered(), 1 + mood.Random(20'000)));
    }
    switch (mood.Random(8)) {
      case 0:
      case 1:
      case 2:
        return connection.Yield();
      case 3:
        connection.PauseReading();
        (void)connection.loop().Schedule(
            absl::Microseconds(mood.Random(2000)), [handle = connection.handle()] {
              (void)handle.Post([](Connection& c) { c.ResumeReading(); });
            });
        return;
      default:
        return;
    }
  }

  // Holds every loop until `release_`, so that all arrives before any is served.
  void HoldLoops() {
    for (size_t i = 0; i < engine->loop_count(); ++i) {
      ASSERT_TRUE(engine->loop(i).Post([this] {
        ++held_;
        release_.WaitForNotification();
      }));
    }
    ASSERT_TRUE(Eventually([&] { return held_ == engine->loop_count(); }));
  }

  // Lets the loops go on where a failed assertion ends the test.
  class [[nodiscard]] Releases {
   public:
    explicit Releases(absl::Notification& release) : release_(release) {}
    Releases(const Releases&) = delete;
    Releases& operator=(const Releases&) = delete;
    ~Releases() { Now(); }

    void Now() {
      if (!release_.HasBeenNotified()) release_.Notify();
    }

   private:
    absl::Notification& release_;
  };

  const bool echoes_;
  std::atomic<unsigned> next_ = 0;
  std::atomic<size_t> delivered_ = 0;
  std::atomic<size_t> held_ = 0;
  absl::Notification release_;
};

TEST_P(StopFuzzTest, WhatHadArrivedIsDelivered) {
  const auto server = Start();
  std::vector<Client> clients;
  for (size_t i = 0; i < kPeers; ++i) clients.push_back(Connect());
  Releases loops(release_);
  HoldLoops();
  std::vector<std::string> requests;
  size_t total = 0;
  for (Client& client : clients) {
    requests.push_back(RandomBytes(Random(kMostBytes), static_cast<uint32_t>(Random(1 << 30))));
    ASSERT_TRUE(client.Send(requests.back()));
    total += requests.back().size();
  }
  for (const Client& client : clients) ASSERT_TRUE(Eventually([&] { return IsTaken(client); }));

  // The loops go on before the stop is asked for, or after it.
  if (Random(2) == 0) loops.Now();
  std::thread stopper([this] { EXPECT_EQ(engine->Stop(absl::Seconds(20)), absl::OkStatus()); });
  EXPECT_TRUE(Eventually([this] { return engine->stopping(); }));
  loops.Now();
  for (size_t i = 0; i < kPeers; ++i) {
    EXPECT_EQ(clients[i].ReceiveAll() == (echoes_ ? requests[i] : ""), true) << i;
    EXPECT_EQ(clients[i].ending(), Client::Ending::kFin) << i;
  }
  stopper.join();
  EXPECT_EQ(delivered_, total);
}

INSTANTIATE_TEST_SUITE_P(All, StopFuzzTest, ::testing::ValuesIn(FuzzCases(4)), NameOfFuzz);

}  // namespace
}  // namespace rondo::testing
