// Rule 24: of all the timers and deadlines of a connection that are set the earliest ends it, in
// every phase: open, with output that waits, closing. `reason` names that one.

#include <string>
#include <string_view>

#include "rondo/rondo.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/server_test.h"

namespace rondo::testing {
namespace {

using ::testing::HasSubstr;

constexpr absl::Duration kEarly = absl::Milliseconds(100);

class TimersTest : public ConformanceTest {
 protected:
  TimersTest() { options.connection.close_timeout = absl::Hours(1); }

  // Sets a timer; a Close that has, or will have, much to send and an hour for it ends no sooner.
  void ExpectEnd(void (*set)(Connection&), std::string_view name) {
    for (const bool closes_first : {false, true}) {
      SCOPED_TRACE(closes_first);
      handler.on_traffic = [=, this](Connection& connection) {
        (void)connection.Write(reply_);
        if (closes_first) connection.Close();
        set(connection);
        if (!closes_first) connection.Close();
        return Action::kNone;
      };
      ExpectOneEnd(name);
    }
  }
  void ExpectOneEnd(std::string_view name) {
    const size_t closed = handler.closed();
    Client never_reads = Connect({.receive_buffer_bytes = 4096});
    ASSERT_TRUE(never_reads.Send("request"));
    ASSERT_TRUE(handler.WaitForClosed(closed + 1));
    EXPECT_EQ(handler.reason().code(), absl::StatusCode::kDeadlineExceeded) << handler.reason();
    EXPECT_THAT(std::string(handler.reason().message()), HasSubstr(std::string(name)));
  }

  const std::string reply_ = std::string(8 << 20, 'r');
};
INSTANTIATE_TEST_SUITE_P(All, TimersTest, ::testing::ValuesIn(Setups()), NameOf);

TEST_P(TimersTest, AWriteDeadlineEndsAConnectionThatCloses) {
  const auto server = Start();
  ExpectEnd([](Connection& c) { c.SetWriteDeadline(absl::Now() + kEarly); }, "write deadline");
}

TEST_P(TimersTest, AnIdleTimeoutEndsAConnectionThatCloses) {
  const auto server = Start();
  ExpectEnd([](Connection& c) { c.SetIdleTimeout(kEarly); }, "idle timeout");
}

TEST_P(TimersTest, TheIdleTimeoutOfAllEndsAConnectionThatCloses) {
  options.connection.idle_timeout = kEarly;
  const auto server = Start();
  ExpectEnd([](Connection&) {}, "idle timeout");
}

TEST_P(TimersTest, AReadDeadlineEndsAConnectionThatCloses) {
  const auto server = Start();
  ExpectEnd([](Connection& c) { c.SetReadDeadline(absl::Now() + kEarly); }, "read deadline");
}

TEST_P(TimersTest, AReadDeadlineDoesNotWaitForOutput) {
  handler.on_traffic = [this](Connection& connection) {
    (void)connection.Write(reply_);
    connection.SetReadDeadline(absl::Now() + kEarly);
    return Action::kNone;
  };
  const auto server = Start();
  ExpectOneEnd("read deadline");
}

TEST_P(TimersTest, TheEarliestIsTheReason) {
  handler.on_traffic = [this](Connection& connection) {
    (void)connection.Write(reply_);
    connection.SetReadDeadline(absl::Now() + absl::Hours(1));
    connection.SetWriteDeadline(absl::Now() + kEarly);
    connection.SetIdleTimeout(absl::Hours(1));
    return Action::kClose;
  };
  const auto server = Start();
  ExpectOneEnd("write deadline");
}

// It is a matter of milliseconds: a FIN, and that the peer has it.
TEST_P(TimersTest, ATimerThatPassesWhenThePeerHasEverythingMakesNoReset) {
  handler.on_traffic = [](Connection& connection) {
    (void)connection.Write("reply");
    connection.SetReadDeadline(absl::Now() + absl::Milliseconds(1));
    connection.SetIdleTimeout(absl::Milliseconds(2));
    return Action::kClose;
  };
  const auto server = Start();
  Client client = Connect();
  ASSERT_TRUE(client.Send("request"));
  ASSERT_TRUE(handler.WaitForClosed(1));
  EXPECT_EQ(client.ReceiveAll(), "reply");
  EXPECT_EQ(client.ending(), Client::Ending::kFin);
}

}  // namespace
}  // namespace rondo::testing
