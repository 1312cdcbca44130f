// The generator's broadcasts against a server that sends to all, and against some that leave
// one out, send a byte wrong or send twice.
#include "benchmarks/load/broadcast.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <unistd.h>

#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "benchmarks/load/clock.h"

namespace load {
namespace {

constexpr int kConnections = 20;

// What connection `index` gets of a message.
using CopyFor = std::function<std::string(int index, std::string message)>;

// Takes kConnections, and sends what the last of them says to all. Ends when that closes.
class Server {
 public:
  explicit Server(CopyFor copy_for) : copy_for_(std::move(copy_for)) {
    sockaddr_in local = {};
    local.sin_family = AF_INET;
    local.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof(local);
    listener_ = socket(AF_INET, SOCK_STREAM, 0);
    EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&local), length), 0);
    EXPECT_EQ(listen(listener_, 64), 0);
    getsockname(listener_, reinterpret_cast<sockaddr*>(&local), &length);
    port_ = ntohs(local.sin_port);
    thread_ = std::thread([this] { Serve(); });
  }

  ~Server() {
    thread_.join();
    close(listener_);
  }

  Address address() const { return *ParseAddress("tcp://127.0.0.1:" + std::to_string(port_)); }

 private:
  void Serve() {
    std::vector<int> fds;
    for (int i = 0; i < kConnections; ++i) fds.push_back(accept(listener_, nullptr, nullptr));
    char bytes[64];
    while (recv(fds.back(), bytes, sizeof(bytes), MSG_WAITALL) == sizeof(bytes)) {
      for (int i = 0; i < kConnections; ++i) {
        const std::string copy = copy_for_(i, std::string(bytes, sizeof(bytes)));
        (void)!send(fds[i], copy.data(), copy.size(), MSG_NOSIGNAL);
      }
    }
    for (int fd : fds) close(fd);
  }

  const CopyFor copy_for_;
  int listener_ = -1;
  uint16_t port_ = 0;
  std::thread thread_;
};

Tally Execute(CopyFor copy_for, uint64_t messages) {
  Server server(std::move(copy_for));
  const Plan plan = {.mode = "broadcast",
                     .address = server.address(),
                     .roles = {{.connections = kConnections}},
                     .duration_ns = 50'000'000,
                     .messages = messages,
                     .drain_ns = 200'000'000};
  Rendezvous rendezvous(1);
  Tally tally;
  std::thread thread([&] { tally = Broadcast::Work(plan, 0, rendezvous); });
  rendezvous.AwaitConnections();
  const uint64_t now = Now();
  rendezvous.OpenWindow({now, messages == kUnlimited ? now + plan.duration_ns : kUnlimited});
  thread.join();
  return tally;
}

std::string Faithful(int, std::string message) {
  return message;
}

TEST(BroadcastTest, CountsEveryCopy) {
  const Tally tally = Execute(Faithful, 50);
  EXPECT_EQ(tally.errors, 0u) << tally.first_error;
  EXPECT_EQ(tally.messages, 50u * kConnections);
  EXPECT_EQ(tally.bytes, 50u * kConnections * 64);
  EXPECT_EQ(tally.latencies.count(), 50u * kConnections);
}

TEST(BroadcastTest, EndsByTheClock) {
  const Tally tally = Execute(Faithful, kUnlimited);
  EXPECT_EQ(tally.errors, 0u) << tally.first_error;
  EXPECT_GT(tally.messages, 0u);
}

TEST(BroadcastTest, ACopyThatDoesNotComeIsAnError) {
  const Tally tally = Execute(
      [](int index, std::string message) { return index == 7 ? std::string() : message; },
      kUnlimited);
  EXPECT_EQ(tally.errors, 1u);
  EXPECT_EQ(tally.first_error, "1 copies of a message are missing");
}

TEST(BroadcastTest, AWrongByteIsAnError) {
  const Tally tally = Execute(
      [](int index, std::string message) {
        if (index == 7) message.back() ^= 1;
        return message;
      },
      kUnlimited);
  EXPECT_EQ(tally.first_error, "wrong bytes after 0");
}

TEST(BroadcastTest, ACopyTooManyIsAnError) {
  const Tally tally = Execute(
      [](int index, std::string message) { return index == 7 ? message + message : message; },
      kUnlimited);
  EXPECT_EQ(tally.first_error, "more bytes came than were sent");
}

}  // namespace
}  // namespace load
