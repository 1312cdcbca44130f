// A change of protocol in mid-stream: lines, then frames with a length, then bytes, then lines
// again, wherever the input is cut and whatever else happens to the connection meanwhile. On every
// poller of this system.

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/synchronization/notification.h"

#include "rondo/codecs.h"
#include "rondo/framed_handler.h"
#include "rondo/rondo.h"

#include "tests/codecs/server.h"
#include "tests/codecs/switching.h"
#include "tests/server/client.h"

namespace rondo {
namespace {

using testing::Client;
using tests::AwaitTaken;
using tests::Fields;
using tests::Lines;
using tests::Server;
using SwitchTest = tests::SwitchingServerTest;

// Three switches, the last one back to where the connection began.
const std::string kInput = "\none\nfields\n\3abc\1d\3rawxyz.two\nthree\n";
const std::string kOutput = "|||one|fields:#you:abc##you:d#bytes:xyz|two||three||end";

TEST_P(SwitchTest, EachHandlerGetsItsBytesWhereverTheInputIsCut) {
  const Server server(lines, On());
  for (size_t cut = 1; cut <= kInput.size(); ++cut) {
    Client client(server.address());
    client.Send(kInput.substr(0, cut));
    // The first line tells that the connection is open.
    ASSERT_EQ(client.Receive(2), "||");
    AwaitTaken(handle());
    client.Send(kInput.substr(cut));
    client.ShutdownWrite();
    ASSERT_EQ(client.ReceiveAll(), kOutput.substr(2)) << "cut at " << cut;
  }
  lines.endings.Await(static_cast<int>(kInput.size()));
  EXPECT_EQ(fields.endings.count() + raw.endings.count(), 0);
}

TEST_P(SwitchTest, EachHandlerGetsItsBytesOneByOne) {
  const Server server(lines, On());
  Client client(server.address());
  client.Send(kInput.substr(0, 1));
  ASSERT_EQ(client.Receive(2), "||");
  for (const char byte : kInput.substr(1)) {
    client.Send({&byte, 1});
    AwaitTaken(handle());
  }
  client.ShutdownWrite();
  EXPECT_EQ(client.ReceiveAll(), kOutput.substr(2));
}

TEST_P(SwitchTest, ARestThatWaitsForTheBacklogIsForTheNextHandler) {
  const std::string large(8 << 20, 'x');
  lines.on_frame = [&](Connection& connection, std::string_view) {
    EXPECT_EQ(connection.Write(large), WriteResult::kAboveHighWater);
    lines.SwitchTo(connection, fields);
    return true;
  };
  Options options = On();
  options.connection.outbound_limit_bytes = 64 << 20;
  // Much less than that write: the kernel cannot take all of it at once.
  options.connection.socket.send_buffer_bytes = 64 << 10;
  const Server server(lines, options);
  Client client(server.address(), {.receive_buffer_bytes = 64 << 10});
  client.Send("large\n\3abc");
  client.ShutdownWrite();
  EXPECT_EQ(client.Receive(large.size()), large);
  EXPECT_EQ(client.ReceiveAll(), "#!#abc##end");
}

TEST_P(SwitchTest, AnswersThatAreOwedGoOutBefore) {
  const Server server(lines, On());
  Client client(server.address());
  client.Send("owe\nowe\nfields\n\3abc");
  client.ShutdownWrite();
  std::vector<Lines::OwedAnswer> debts = TakeDebts(2);
  EXPECT_EQ(client.Receive(7), "fields:");
  handle().Write("second,");
  debts.pop_back();
  EXPECT_EQ(client.Receive(7), "second,");
  // Whatever the handler did meanwhile, it was not the switch.
  handle().Wake();
  AwaitTaken(handle());
  handle().Write("first,");
  debts.pop_back();
  EXPECT_EQ(client.ReceiveAll(), "first,#you:abc##end");
  fields.endings.Await(1);
  EXPECT_EQ(lines.endings.count(), 0);
}

TEST_P(SwitchTest, AConnectionThatEndsBeforeIsStillTheFirstHandlers) {
  const Server server(lines, On());
  Client client(server.address());
  client.Send("owe\nfields\n");
  std::vector<Lines::OwedAnswer> debts = TakeDebts(1);
  EXPECT_EQ(client.Receive(7), "fields:");
  client.Reset();
  lines.endings.Await(1);
  debts.clear();
  EXPECT_EQ(fields.endings.count(), 0);
}

TEST_P(SwitchTest, ARestIsDeliveredThoughThePeerHasResetTheConnection) {
  absl::Notification delivered;
  fields.on_frame = [&](Connection&, std::string_view frame) {
    EXPECT_EQ(frame, "abc");
    delivered.Notify();
    return true;
  };
  const Server server(lines, On());
  Client client(server.address());
  client.Send("owe\nfields\n\3abc");
  std::vector<Lines::OwedAnswer> debts = TakeDebts(1);
  EXPECT_EQ(client.Receive(7), "fields:");
  AwaitTaken(handle());
  client.Reset();
  debts.clear();
  delivered.WaitForNotification();
  fields.endings.Await(1);
  EXPECT_EQ(lines.endings.count(), 0);
}

TEST_P(SwitchTest, APauseFromBeforeTheSwitchLasts) {
  lines.on_frame = [&](Connection& connection, std::string_view) {
    connection.PauseReading();
    (void)connection.handle().Post([owed = lines.Owe(connection)](Connection&) {});
    lines.SwitchTo(connection, fields);
    // Behind the answer's end, which the first task's brings.
    (void)connection.handle().Post([](Connection& later) {
      (void)later.handle().Post([](Connection& switched) {
        (void)switched.Write(switched.reading() ? "reads" : "paused,");
        switched.ResumeReading();
      });
    });
    return true;
  };
  const Server server(lines, On());
  Client client(server.address());
  client.Send("fields\n\3abc");
  EXPECT_EQ(client.Receive(12), "paused,#abc#");
}

TEST_P(SwitchTest, ANewHandlerIsToldOfAnEndThatTheOneBeforeWasTold) {
  // Writes "end" when it is told; then the connection is given to `raw`.
  struct Ending : EventHandler {
    Action OnPeerShutdown(Connection& connection) override {
      (void)connection.Write("end,");
      connection.SetHandler(*next);
      return Action::kNone;
    }
    EventHandler* next = nullptr;
  } first;
  first.next = &raw;
  const Server server(first, On());
  Client client(server.address());
  client.Send("abc");
  client.ShutdownWrite();
  EXPECT_EQ(client.ReceiveAll(), "end,abcraw end at 0");
  raw.endings.Await(1);
}

TEST_P(SwitchTest, TheEndOfFramesMayBeOwedAndThenTheNextHandlers) {
  const Server server(lines, On());
  Client client(server.address());
  client.Send("owe\n");
  client.ShutdownWrite();
  std::vector<Lines::OwedAnswer> debts = TakeDebts(1);
  absl::Notification switched;
  ASSERT_TRUE(handle().Post([&](Connection& connection) {
    lines.SwitchTo(connection, raw);
    switched.Notify();
  }));
  switched.WaitForNotification();
  debts.clear();
  EXPECT_EQ(client.ReceiveAll(), "raw end at 0");
}

TEST_P(SwitchTest, AStopWaitsForTheSwitch) {
  auto engine = Engine::Start(lines, "tcp4://127.0.0.1:0", On());
  ASSERT_TRUE(engine.ok());
  Client client((*engine)->addresses()[0]);
  client.Send("owe\nfields\n\3abc");
  auto debts = std::make_shared<std::vector<Lines::OwedAnswer>>(TakeDebts(1));
  EXPECT_EQ(client.Receive(7), "fields:");
  EventLoop& loop = (*engine)->loop(0);
  EXPECT_TRUE(loop.Post([&engine] { (void)(*engine)->Stop(absl::Seconds(10)); }));
  // Behind the stop: the loop drains the connection by then, or does so meanwhile.
  EXPECT_TRUE(loop.Post([debts] { debts->clear(); }));
  EXPECT_TRUE((*engine)->Wait().ok());
  EXPECT_EQ(client.ReceiveAll(), "#you:abc##end");
}

TEST_P(SwitchTest, HandlersThatHandOverAtEachFrameTakeTurns) {
  // Each switch waits for the others' turns: on one stack, so many would overflow it.
  constexpr int kSwitches = 20000;
  Lines other{LineCodec(MaxFrameBytes(100)), "+"};
  lines.on_frame = [&](Connection& connection, std::string_view) {
    lines.SwitchTo(connection, other);
    return true;
  };
  int seen = 0;
  other.on_frame = [&](Connection& connection, std::string_view) {
    if (++seen == kSwitches) (void)connection.Write("done");
    other.SwitchTo(connection, lines);
    return true;
  };
  const Server server(lines, On());
  Client client(server.address());
  client.Send(std::string(2 * kSwitches, '\n'));
  EXPECT_EQ(client.Receive(4), "done");
}

TEST_P(SwitchTest, AHandlerSetInAFrameDirectlyGetsTheRestAsWell) {
  lines.on_frame = [&](Connection& connection, std::string_view) {
    connection.SetHandler(fields);
    return true;
  };
  const Server server(lines, On());
  Client client(server.address());
  // In two pieces: FramedHandler then keeps what `fields` cannot use.
  client.Send("fie");
  client.Send("lds\n\3abc");
  EXPECT_EQ(client.Receive(5), "#abc#");
}

TEST_P(SwitchTest, AVisitorOfAFrameReaderMaySetAnotherHandler) {
  struct Reading : EventHandler {
    Action OnTraffic(Connection& connection) override {
      FrameReader<LineCodec> reader;
      const auto visit = [&](const Decoded& decoded) {
        (void)connection.Write(decoded.frame());
        connection.SetHandler(*next);
        return FrameVisit::kContinue;
      };
      EXPECT_EQ(reader.Drain(connection, LineCodec(MaxFrameBytes(100)), visit),
                FrameProgress::kStopped);
      return Action::kNone;
    }
    EventHandler* next = nullptr;
  } reading;
  reading.next = &fields;
  const Server server(reading, On());
  Client client(server.address());
  client.Send("one\n\3abc");
  EXPECT_EQ(client.Receive(8), "one#abc#");
}

TEST_P(SwitchTest, TheNewHandlerIsToldOfTimeouts) {
  struct Waiting : EventHandler {
    Action OnTraffic(Connection& connection) override {
      connection.Next();
      return Action::kNone;
    }
    Action OnTimeout(Connection& connection, Timeout) override {
      (void)connection.Write("too late");
      return Action::kClose;
    }
  } waiting;
  lines.on_frame = [&](Connection& connection, std::string_view) {
    connection.SetReadIdleTimeout(absl::Milliseconds(20));
    lines.SwitchTo(connection, waiting);
    return true;
  };
  const Server server(lines, On());
  Client client(server.address());
  client.Send("wait\n");
  EXPECT_EQ(client.ReceiveAll(), "too late");
}

TEST_P(SwitchTest, AnExceptionEndsTheConnectionOfTheNewHandler) {
  lines.on_frame = [&](Connection& connection, std::string_view) -> bool {
    lines.SwitchTo(connection, fields);
    throw 1;
  };
  const Server server(lines, On());
  Client client(server.address());
  client.Send("fields\n\3abc");
  EXPECT_EQ(client.ReceiveAll(), "");
  fields.endings.Await(1);
  EXPECT_EQ(lines.endings.count(), 0);
}

INSTANTIATE_TEST_SUITE_P(, SwitchTest,
                         ::testing::Values(PollerKind::kEpoll, PollerKind::kEpollEdge,
                                           PollerKind::kIoUring));

}  // namespace
}  // namespace rondo
