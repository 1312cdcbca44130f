// A framed handler whose requests are answered on a worker pool.

#include "rondo/offload_handler.h"

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "rondo/rondo.h"
#include "tests/codecs/server.h"
#include "tests/process/process_state.h"
#include "tests/server/client.h"
#include "tests/workers/gate.h"

namespace rondo::tests {
namespace {

using rondo::testing::Client;
using rondo::testing::Gate;

Options WithWorkers() {
  return {.workers = WorkerPoolOptions{.min_threads = 4, .max_threads = 4}};
}

// Counts the requests of each connection, without a lock, and answers with the number.
struct Counter : OffloadHandler<LineCodec> {
  struct State : RequestState {
    int requests = 0;
  };

  explicit Counter(OffloadOrder order = OffloadOrder::kSerial)
      : OffloadHandler(LineCodec(MaxFrameBytes(100)), order), order(order) {}

  Action OnOpen(Connection& connection) override {
    set_state(connection, std::make_unique<State>());
    return Action::kNone;
  }
  absl::StatusOr<std::string> OnRequest(const ConnectionInfo& connection,
                                        std::string_view request) override {
    if (request == "wait") gate.Pass();
    if (request == "wait" && order == OffloadOrder::kOrdered) return "waited";
    if (request == "fail") return absl::PermissionDeniedError("not for you");
    if (request == "long") return std::string(101, 'x');
    if (request == "id") return std::to_string(connection.id());
    if (request == "who") return connection.remote_address().ToString();
    return std::string(request) + std::to_string(++connection.state<State>()->requests);
  }
  Action OnClose(Connection&, const absl::Status& reason) override {
    const std::lock_guard lock(mutex);
    reasons.push_back(reason);
    return Action::kNone;
  }
  absl::StatusCode ReasonOfTheLast() {
    EXPECT_TRUE(rondo::testing::Eventually([&] {
      const std::lock_guard lock(mutex);
      return !reasons.empty();
    }));
    const std::lock_guard lock(mutex);
    return reasons.empty() ? absl::StatusCode::kUnknown : reasons.back().code();
  }

  const OffloadOrder order;
  Gate gate;
  std::mutex mutex;
  std::vector<absl::Status> reasons;
};

TEST(OffloadHandlerTest, RequestsOfAConnectionShareItsStateOneAfterTheOther) {
  Counter counter;
  const Server server(counter, WithWorkers());
  std::vector<Client> clients;
  std::string requests, replies;
  for (int i = 1; i <= 100; ++i) {
    absl::StrAppend(&requests, "r\n");
    absl::StrAppend(&replies, "r", i, "\n");
  }
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(clients.emplace_back(server.address()).Send(requests));
  for (Client& client : clients) {
    client.ShutdownWrite();
    EXPECT_EQ(client.ReceiveAll(), replies);
  }
}

TEST(OffloadHandlerTest, RequestsMayRunSideBySideAndRepliesStillLeaveInOrder) {
  struct Echo : Counter {
    Echo() : Counter(OffloadOrder::kOrdered) {}
    absl::StatusOr<std::string> OnRequest(const ConnectionInfo&,
                                          std::string_view request) override {
      if (request == "0") gate.Pass();
      if (request == "3") gate.Open();
      return std::string(request);
    }
  } echo;
  const Server server(echo, WithWorkers());
  Client client(server.address());
  ASSERT_TRUE(client.Send("0\n1\n2\n3\n"));
  EXPECT_EQ(client.Receive(8), "0\n1\n2\n3\n");
}

TEST(OffloadHandlerTest, AFailureClosesTheConnectionAfterEarlierReplies) {
  for (const OffloadOrder order : {OffloadOrder::kSerial, OffloadOrder::kOrdered}) {
    Counter counter(order);
    const Server server(counter, WithWorkers());
    Client client(server.address());
    // Those that count nothing: they may run side by side.
    ASSERT_TRUE(client.Send("who\nfail\nwho\n"));
    EXPECT_THAT(client.ReceiveAll(), ::testing::MatchesRegex("tcp://127\\.0\\.0\\.1:[0-9]+\n"));
    EXPECT_EQ(counter.ReasonOfTheLast(), absl::StatusCode::kPermissionDenied);
  }
}

TEST(OffloadHandlerTest, AReplyThatIsNoFrameClosesTheConnection) {
  Counter counter;
  const Server server(counter, WithWorkers());
  Client client(server.address());
  ASSERT_TRUE(client.Send("long\na\n"));
  EXPECT_EQ(client.ReceiveAll(), "");
  EXPECT_NE(counter.ReasonOfTheLast(), absl::StatusCode::kOk);
}

TEST(OffloadHandlerTest, ARequestKnowsItsConnection) {
  Counter counter;
  const Server server(counter, WithWorkers());
  Client client(server.address());
  ASSERT_TRUE(client.Send("who\nid\n"));
  client.ShutdownWrite();
  EXPECT_THAT(client.ReceiveAll(),
              ::testing::MatchesRegex("tcp://127\\.0\\.0\\.1:[0-9]+\n[1-9][0-9]*\n"));
}

TEST(OffloadHandlerTest, FramesWaitAtTheBoundAndAreServedByThemselves) {
  Counter counter(OffloadOrder::kOrdered);
  Options options = WithWorkers();
  options.connection.offloads = 2;
  const Server server(counter, options);
  Client client(server.address());
  ASSERT_TRUE(client.Send("wait\nwait\nwait\nwait\nwait\n"));
  client.ShutdownWrite();
  counter.gate.Await(2);
  EXPECT_EQ(counter.gate.came(), 2);
  counter.gate.Open();
  EXPECT_EQ(std::vector<std::string>(absl::StrSplit(client.ReceiveAll(), '\n')).size(), 6u);
}

TEST(OffloadHandlerTest, AStopAnswersWhatWasAsked) {
  Counter counter;
  Server server(counter, WithWorkers());
  Client client(server.address());
  ASSERT_TRUE(client.Send("wait\na\n"));
  counter.gate.Await(1);
  std::thread stopper([&] { EXPECT_TRUE(server.Stop().ok()); });
  counter.gate.Open();
  EXPECT_EQ(client.ReceiveAll(), "wait1\na2\n");
  stopper.join();
}

// The context of another handler is an error in the program, and no memory of another type is
// touched.
TEST(OffloadHandlerTest, AContextOfAnotherKindClosesTheConnection) {
  struct Wrong : Counter {
    Action OnOpen(Connection& connection) override {
      connection.set_context(std::make_unique<FramedHandler<LineCodec>::Context>());
      return Action::kNone;
    }
  } wrong;
  const Server server(wrong, WithWorkers());
  Client client(server.address());
  ASSERT_TRUE(client.Send("a\n"));
  EXPECT_EQ(client.ReceiveAll(), "");
  EXPECT_EQ(wrong.ReasonOfTheLast(), absl::StatusCode::kFailedPrecondition);
}

TEST(OffloadHandlerTest, AContextOfItsOwnKindIsTheUsers) {
  struct Mine : Counter {
    struct Context : Counter::Context {
      std::string name = "mine";
    };
    Action OnOpen(Connection& connection) override {
      connection.set_context(std::make_unique<Context>());
      return Counter::OnOpen(connection);
    }
    Action OnClose(Connection& connection, const absl::Status& reason) override {
      EXPECT_EQ(connection.context<Context>()->name, "mine");
      return Counter::OnClose(connection, reason);
    }
  } mine;
  const Server server(mine, WithWorkers());
  Client client(server.address());
  ASSERT_TRUE(client.Send("a\n"));
  EXPECT_EQ(client.Receive(3), "a1\n");
  client.ShutdownWrite();
  EXPECT_EQ(client.ReceiveAll(), "");
  EXPECT_EQ(mine.ReasonOfTheLast(), absl::StatusCode::kOk);
}

}  // namespace
}  // namespace rondo::tests
