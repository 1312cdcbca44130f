// The generator against a server that echoes well, and against one for each way of echoing badly:
// what a peer does wrong must show as an error of the run.
#include "benchmarks/load/worker.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <unistd.h>

#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "benchmarks/load/churn.h"
#include "benchmarks/load/clock.h"
#include "benchmarks/load/reply.h"

namespace load {
namespace {

// Takes what was received and returns what to send back.
using Behaviour = std::function<std::string(std::string)>;

// A thread for each connection; everything is joined when the server goes out of scope.
class Server {
 public:
  explicit Server(Behaviour behaviour) : behaviour_(std::move(behaviour)) {
    sockaddr_in local = {};
    local.sin_family = AF_INET;
    local.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof(local);
    listener_ = socket(AF_INET, SOCK_STREAM, 0);
    EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&local), length), 0);
    EXPECT_EQ(listen(listener_, 64), 0);
    getsockname(listener_, reinterpret_cast<sockaddr*>(&local), &length);
    address_ = "tcp://127.0.0.1:" + std::to_string(ntohs(local.sin_port));
    acceptor_ = std::thread([this] { AcceptAll(); });
  }

  ~Server() {
    shutdown(listener_, SHUT_RDWR);
    acceptor_.join();
    for (std::thread& thread : threads_) thread.join();
    close(listener_);
  }

  Address address() const { return *ParseAddress(address_); }

 private:
  void AcceptAll() {
    for (int fd; (fd = accept(listener_, nullptr, nullptr)) >= 0;) {
      threads_.emplace_back([this, fd] { Serve(fd); });
    }
  }

  void Serve(int fd) {
    std::string buffer(64 * 1024, '\0');
    for (ssize_t size; (size = recv(fd, buffer.data(), buffer.size(), 0)) > 0;) {
      std::string reply = behaviour_(buffer.substr(0, size));
      if (reply == "close") break;
      if (send(fd, reply.data(), reply.size(), MSG_NOSIGNAL) < 0) break;
    }
    close(fd);
  }

  Behaviour behaviour_;
  int listener_ = -1;
  std::string address_;
  std::thread acceptor_;
  std::vector<std::thread> threads_;
};

std::string Echo(std::string bytes) {
  return bytes;
}

using WorkFunction = Tally (*)(const Plan&, int, Rendezvous&);

Tally Execute(const Plan& plan, WorkFunction work = Worker::Work) {
  Rendezvous rendezvous(plan.threads);
  std::vector<Tally> tallies(plan.threads);
  std::vector<std::thread> threads;
  for (int i = 0; i < plan.threads; ++i) {
    threads.emplace_back([&, i] { tallies[i] = work(plan, i, rendezvous); });
  }
  rendezvous.AwaitConnections();
  uint64_t now = Now();
  bool by_clock = plan.messages == kUnlimited;
  rendezvous.OpenWindow({now, by_clock ? now + plan.duration_ns : kUnlimited});
  Tally sum;
  for (int i = 0; i < plan.threads; ++i) {
    threads[i].join();
    sum.Merge(tallies[i]);
  }
  return sum;
}

Plan PingPlan(const Server& server, Role role, uint64_t messages) {
  return {.mode = "ping",
          .address = server.address(),
          .roles = {role},
          .duration_ns = 50'000'000,
          .messages = messages,
          .drain_ns = 200'000'000};
}

TEST(WorkerTest, CountsEveryMessageOfAFaithfulServer) {
  Server server(Echo);
  Tally tally = Execute(PingPlan(server, {.connections = 5}, 1000));
  EXPECT_EQ(tally.errors, 0u) << tally.first_error;
  EXPECT_EQ(tally.messages, 1000u);
  EXPECT_EQ(tally.bytes, 64000u);
  EXPECT_EQ(tally.latencies.count(), 1000u);
  EXPECT_GT(tally.cpu_ns, 0u);
}

TEST(WorkerTest, PipelinesAndFloods) {
  Server server(Echo);
  Tally tally = Execute(PingPlan(server, {.connections = 3, .depth = 16}, 5000));
  EXPECT_EQ(tally.errors, 0u) << tally.first_error;
  EXPECT_EQ(tally.messages, 5000u);

  Role flood = {.connections = 2, .message_bytes = 100 * 1000, .depth = 4};
  tally = Execute(PingPlan(server, flood, 200));
  EXPECT_EQ(tally.errors, 0u) << tally.first_error;
  EXPECT_EQ(tally.bytes, 200u * 100 * 1000);
}

// Answers each `request_bytes` that one connection sends with the fixed reply.
Behaviour Answer(size_t request_bytes, std::string reply) {
  return [=, pending = size_t{0}](std::string bytes) mutable {
    std::string replies;
    for (pending += bytes.size(); pending >= request_bytes; pending -= request_bytes) {
      replies += reply;
    }
    return replies;
  };
}

TEST(WorkerTest, StreamsInAndOut) {
  {
    Server server(Answer(100 * 1000, MakeReply(1)));
    Role in = {.connections = 1, .message_bytes = 100 * 1000, .reply_bytes = 1, .depth = 16};
    Tally tally = Execute(PingPlan(server, in, 200));
    EXPECT_EQ(tally.errors, 0u) << tally.first_error;
    EXPECT_EQ(tally.messages, 200u);
    EXPECT_EQ(tally.bytes, 200u * 100 * 1000);
  }
  Server server(Answer(64, MakeReply(100 * 1000)));
  Role out = {.connections = 1, .message_bytes = 64, .reply_bytes = 100 * 1000, .depth = 16};
  Tally tally = Execute(PingPlan(server, out, 200));
  EXPECT_EQ(tally.errors, 0u) << tally.first_error;
  EXPECT_EQ(tally.messages, 200u);
  EXPECT_EQ(tally.bytes, 200u * 100 * 1000);
}

TEST(WorkerTest, SplitsConnectionsOverThreads) {
  Server server(Echo);
  Plan plan = PingPlan(server, {.connections = 5}, 999);
  plan.threads = 2;
  Tally tally = Execute(plan);
  EXPECT_EQ(tally.errors, 0u) << tally.first_error;
  EXPECT_EQ(tally.messages, 999u);
}

TEST(WorkerTest, EndsByTheClock) {
  Server server(Echo);
  Tally tally = Execute(PingPlan(server, {.connections = 2}, kUnlimited));
  EXPECT_EQ(tally.errors, 0u) << tally.first_error;
  EXPECT_GT(tally.messages, 0u);
}

TEST(WorkerTest, KeepsToTheRateItWasGiven) {
  Server server(Echo);
  Role role = {.pace = Pace::kScheduled, .connections = 4};
  Plan plan = PingPlan(server, role, kUnlimited);
  plan.rate = 2000;
  plan.duration_ns = 200'000'000;
  Tally tally = Execute(plan);
  EXPECT_EQ(tally.errors, 0u) << tally.first_error;
  EXPECT_LE(tally.messages, 401u);
  EXPECT_GE(tally.messages, 100u);
}

TEST(WorkerTest, FloodsBesideAQuietConnectionOnAThreadOfItsOwn) {
  Server server(Echo);
  Role quiet = {.pace = Pace::kScheduled, .connections = 1, .alone = true};
  Role flood = {
      .connections = 2, .message_bytes = 64 * 1024, .depth = 16, .measured = false};
  Plan plan = PingPlan(server, quiet, kUnlimited);
  plan.roles.push_back(flood);
  plan.threads = 2;
  plan.rate = 1000;
  plan.duration_ns = 200'000'000;
  plan.drain_ns = 2'000'000'000;
  Tally tally = Execute(plan);
  EXPECT_EQ(tally.errors, 0u) << tally.first_error;
  EXPECT_LE(tally.messages, 201u);
  EXPECT_GE(tally.messages, 50u);
  EXPECT_GT(tally.bytes, 10u * flood.message_bytes);
}

TEST(WorkerTest, ChargesAStallToEveryMessageThatWasDueMeanwhile) {
  bool stalled = false;
  Server server([&](std::string bytes) {
    if (!stalled) std::this_thread::sleep_for(std::chrono::milliseconds(100));
    stalled = true;
    return bytes;
  });
  Role role = {.pace = Pace::kScheduled, .connections = 1};
  Plan plan = PingPlan(server, role, kUnlimited);
  plan.rate = 1000;
  plan.duration_ns = 200'000'000;
  Tally tally = Execute(plan);
  EXPECT_EQ(tally.errors, 0u) << tally.first_error;
  // Half of the messages fell due in the stall, and waited for 50 ms on average. A generator that
  // waits for replies would have seen one slow message.
  EXPECT_GT(tally.latencies.Quantile(0.75), 20'000'000u);
}

TEST(WorkerTest, OpensConnectionsOverAndOver) {
  Server server(Echo);
  Plan plan = PingPlan(server, {.connections = 3}, kUnlimited);
  Tally tally = Execute(plan, Churn::Work);
  EXPECT_EQ(tally.errors, 0u) << tally.first_error;
  EXPECT_GT(tally.messages, 3u);
}

struct Fault {
  std::string name;
  Behaviour behaviour;
  std::string expected;
};

TEST(WorkerTest, ChecksEveryByteOfAReply) {
  std::string reply = MakeReply(1000);
  Role role = {.connections = 1, .reply_bytes = 1000, .depth = 4};
  auto first_error = [&](std::string wrong) {
    Server server(Answer(64, std::move(wrong)));
    return Execute(PingPlan(server, role, kUnlimited)).first_error;
  };
  EXPECT_EQ(first_error(reply), "");
  std::string flipped = reply;
  flipped[999] ^= 1;
  EXPECT_NE(first_error(flipped).find("wrong bytes"), std::string::npos);
  EXPECT_NE(first_error(reply.substr(1)).find("wrong bytes"), std::string::npos);
  EXPECT_NE(first_error(reply.substr(0, 998)).find("wrong bytes"), std::string::npos);
  EXPECT_NE(first_error(reply + reply).find("more bytes"), std::string::npos);
}

class FaultTest : public testing::TestWithParam<Fault> {};

TEST_P(FaultTest, IsAnError) {
  Server server(GetParam().behaviour);
  Tally tally = Execute(PingPlan(server, {.connections = 2, .depth = 4}, kUnlimited));
  EXPECT_GT(tally.errors, 0u);
  EXPECT_NE(tally.first_error.find(GetParam().expected), std::string::npos) << tally.first_error;
}

INSTANTIATE_TEST_SUITE_P(
    All, FaultTest,
    testing::Values(Fault{"FlippedBit",
                          [](std::string bytes) {
                            bytes.back() ^= 1;
                            return bytes;
                          },
                          "wrong bytes"},
                    Fault{"LostByte", [](std::string bytes) { return bytes.substr(1); },
                          "wrong bytes"},
                    Fault{"LostTail", [](std::string bytes) { return bytes.substr(0, 10); }, ""},
                    Fault{"DoubledReply", [](std::string bytes) { return bytes + bytes; }, ""},
                    Fault{"Silence", [](std::string) { return std::string(); }, "did not come"},
                    Fault{"Close", [](std::string) { return std::string("close"); }, ""}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace load
