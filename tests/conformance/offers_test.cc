// Rule 23: a handler is called because something happened, never again for nothing. What OnTraffic
// was called for is not offered once more because it resumes inside that call.

#include <atomic>
#include <functional>
#include <string>
#include <string_view>

#include "absl/synchronization/notification.h"

#include "rondo/rondo.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/server_test.h"

namespace rondo::testing {
namespace {

// Takes whole messages, which end in a dot, and pauses to work on them.
class OffersTest : public ConformanceTest {
 protected:
  OffersTest() {
    options.loops = 1;
    handler.on_traffic = [this](Connection& connection) {
      ++offers;
      connection.PauseReading();
      const std::string_view bytes = connection.Peek();
      const size_t whole = bytes.rfind('.') + 1;
      (void)connection.Write(bytes.substr(0, whole));
      connection.Discard(whole);
      if (whole == 0 && after_part) after_part(connection);
      connection.ResumeReading();
      return Action::kNone;
    };
  }
  // Some turns of the loop, one after the other.
  void Turn() {
    for (int i = 0; i < 50; ++i) {
      absl::Notification turned;
      ASSERT_TRUE(engine->loop(0).Post([&] { turned.Notify(); }));
      turned.WaitForNotification();
    }
  }
  // On the connection's loop, outside OnTraffic.
  void Run(std::function<void(Connection&)> code) {
    absl::Notification ran;
    ASSERT_TRUE(handler.handles()[0].Post([&](Connection& connection) {
      code(connection);
      ran.Notify();
    }));
    ran.WaitForNotification();
  }

  std::atomic<int> offers = 0;
  // Runs in OnTraffic when no whole message has come, before it resumes.
  std::function<void(Connection&)> after_part;
};
INSTANTIATE_TEST_SUITE_P(All, OffersTest, ::testing::ValuesIn(Setups()), NameOf);

TEST_P(OffersTest, HalfAMessageIsOfferedOnceHoweverItsHandlerPausesAndResumes) {
  const auto server = Start();
  Client client = Connect();
  ASSERT_TRUE(client.Send("half"));
  ASSERT_TRUE(Eventually([&] { return offers > 0; }));
  Turn();
  EXPECT_EQ(offers, 1);
  ASSERT_TRUE(client.Send(" and half."));
  EXPECT_EQ(client.Receive(14), "half and half.");
  EXPECT_EQ(offers, 2);
}

TEST_P(OffersTest, YieldWakeAndALaterResumeOfferWhatWasSeen) {
  std::atomic<int> yields = 2;
  after_part = [&](Connection& connection) {
    connection.ResumeReading();
    if (yields-- > 0) connection.Yield();
  };
  const auto server = Start();
  Client client = Connect();
  ASSERT_TRUE(client.Send("half"));
  ASSERT_TRUE(Eventually([&] { return offers >= 3; }));
  Turn();
  EXPECT_EQ(offers, 3) << "by Yield";
  handler.handles()[0].Wake();
  ASSERT_TRUE(Eventually([&] { return offers >= 4; }));
  Turn();
  EXPECT_EQ(offers, 4) << "by Wake";
  Run([](Connection& connection) {
    connection.PauseReading();
    connection.ResumeReading();
  });
  Turn();
  EXPECT_EQ(offers, 5) << "by a later ResumeReading";
}

TEST_P(OffersTest, AWakeThatResumesIsTheOnlyOfferAndTheEndFollows) {
  std::atomic<bool> stays_paused = true;
  handler.on_traffic = [&](Connection& connection) {
    ++offers;
    if (stays_paused.exchange(false)) {
      connection.PauseReading();
    } else {
      connection.ResumeReading();
    }
    return Action::kNone;
  };
  const auto server = Start();
  Client client = Connect();
  ASSERT_TRUE(client.Send("half"));
  ASSERT_TRUE(Eventually([&] { return offers == 1; }));
  client.ShutdownWrite();
  Turn();
  EXPECT_EQ(offers, 1);
  handler.handles()[0].Wake();
  EXPECT_EQ(client.WaitForEnd(), Client::Ending::kFin);
  ASSERT_TRUE(handler.WaitForClosed(1));
  EXPECT_EQ(offers, 2);
  EXPECT_EQ(handler.story(0), "open traffic peer_shutdown close");
}

TEST_P(OffersTest, AStopEndsTheInputOfOneThatHasResumed) {
  const auto server = Start();
  Client client = Connect();
  ASSERT_TRUE(client.Send("half"));
  ASSERT_TRUE(Eventually([&] { return offers > 0; }));
  Turn();
  EXPECT_EQ(Stop(absl::Seconds(10)), absl::OkStatus());
  EXPECT_EQ(handler.story(0), "open traffic peer_shutdown close");
}

}  // namespace
}  // namespace rondo::testing
