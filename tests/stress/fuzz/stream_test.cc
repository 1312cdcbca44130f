// A handler that does by chance all that it may do between two bytes: consumes some, answers by
// every kind of write, yields, pauses, wakes itself. Its peers send and read by chance. What comes
// back must be what was sent, to the last byte, and then the end.

#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "rondo/rondo.h"

#include "gtest/gtest.h"
#include "tests/server/client.h"
#include "tests/server/swap_case.h"
#include "tests/stress/fuzz/fuzz.h"

namespace rondo::testing {
namespace {

constexpr size_t kPeers = 25;
// Without a byte on any connection.
constexpr int kStuckMs = 20'000;

// The server's side of a connection: how it echoes next.
class FuzzedEcho : public ConnectionContext {
 public:
  explicit FuzzedEcho(unsigned seed)
      : random_(seed), file_(::memfd_create("echoed", MFD_CLOEXEC)) {}

  // Echoes some of what there is, and does something about the connection.
  void Work(Connection& connection) {
    for (size_t rounds = 1 + Random(5); rounds > 0 && connection.buffered() > 0; --rounds) {
      const size_t length = std::min(connection.buffered(), 1 + Random(30'000));
      if (Echo(connection, length) != WriteResult::kOk) break;
    }
    Disturb(connection);
  }

  void Finish(Connection& connection) {
    while (connection.buffered() > 0) {
      (void)Echo(connection, std::min(connection.buffered(), 1 + Random(60'000)));
    }
  }

 private:
  size_t Random(size_t bound) { return random_() % bound; }

  WriteResult Echo(Connection& connection, size_t length) {
    const WriteResult result = EchoSomehow(connection, length);
    EXPECT_NE(result, WriteResult::kRefused);
    if (Random(3) == 0) connection.Flush();
    return result;
  }

  WriteResult EchoSomehow(Connection& connection, size_t length) {
    switch (Random(6)) {
      case 0:
        return connection.Write(connection.Next(length));
      case 1:
        return connection.Write(std::string(connection.Next(length)));
      case 2:
        return connection.Writev(Cut(connection.Next(length)));
      case 3:
        return SendAsFile(connection, connection.Next(length));
      case 4: {
        const WriteResult result = connection.Write(connection.Peek(length));
        connection.Discard(length);
        return result;
      }
      default: {
        std::string bytes(length, '\0');
        EXPECT_EQ(connection.Read(absl::MakeSpan(bytes)), length);
        return connection.Write(std::move(bytes));
      }
    }
  }

  std::vector<std::string_view> Cut(std::string_view bytes) {
    std::vector<std::string_view> pieces;
    while (!bytes.empty()) {
      const size_t length = 1 + Random(Random(4) == 0 ? 20'000 : 300);
      pieces.push_back(bytes.substr(0, length));
      bytes.remove_prefix(std::min(length, bytes.size()));
      if (Random(7) == 0) pieces.emplace_back();
    }
    return pieces;
  }

  WriteResult SendAsFile(Connection& connection, std::string_view bytes) {
    EXPECT_EQ(::pwrite(file_.get(), bytes.data(), bytes.size(), file_end_),
              static_cast<ssize_t>(bytes.size()));
    return connection.SendFile(file_.get(), std::exchange(file_end_, file_end_ + bytes.size()),
                               bytes.size());
  }

  void Disturb(Connection& connection) {
    switch (Random(14)) {
      case 0:
      case 1:
        return connection.Yield();
      case 2:
        return PauseForAWhile(connection);
      case 3:
        connection.PauseReading();
        return connection.ResumeReading();
      case 4:
        return connection.handle().Wake();
      case 5:
        return connection.SetIdleTimeout(absl::Minutes(1 + Random(9)));
      case 6:
        (void)connection.handle().Post([](Connection& c) { c.context<FuzzedEcho>()->Work(c); });
        return;
      case 7:
        return connection.SetReadIdleTimeout(absl::Minutes(1 + Random(9)));
      case 8:
        (void)connection.Schedule(absl::Microseconds(Random(3000)),
                                  [](Connection& c) { c.context<FuzzedEcho>()->Work(c); });
        return;
      default:
        return;
    }
  }

  void PauseForAWhile(Connection& connection) {
    connection.PauseReading();
    (void)connection.loop().Schedule(
        absl::Microseconds(Random(3000)), [handle = connection.handle()] {
          (void)handle.Post([](Connection& c) { c.ResumeReading(); });
        });
  }

  std::mt19937 random_;
  const UniqueFd file_;
  int64_t file_end_ = 0;
};

// The other side: what it sends, what must come back on the wire, and how much of both has been.
struct Peer {
  Client client;
  std::string bytes;
  std::string expected;
  size_t sent = 0;
  size_t received = 0;
  bool finished = false;
  bool ended = false;
};

class StreamFuzzTest : public FuzzTest {
 protected:
  StreamFuzzTest() : into_(256 << 10, '\0') {
    handler.on_open = [this](Connection& connection) {
      connection.set_context(std::make_unique<FuzzedEcho>(GetParam().seed * 1000 + next_++));
      return Action::kNone;
    };
    handler.on_traffic = [](Connection& connection) {
      connection.context<FuzzedEcho>()->Work(connection);
      return Action::kNone;
    };
    handler.on_writable = [](Connection& connection) {
      connection.context<FuzzedEcho>()->Work(connection);
    };
    handler.on_peer_shutdown = [](Connection& connection) {
      connection.context<FuzzedEcho>()->Finish(connection);
      return Action::kClose;
    };
  }

  void ConnectAll() {
    for (size_t i = 0; i < kPeers; ++i) {
      Peer& peer = peers_.emplace_back();
      peer.client = Connect({.receive_buffer_bytes = Random(2) == 0 ? 8192 : 0});
      ASSERT_TRUE(peer.client.connected());
      const size_t length = Random(Random(3) == 0 ? 1'500'000 : 200'000);
      peer.bytes = RandomBytes(length, static_cast<uint32_t>(Random(1 << 30)));
      peer.expected = OnTheWire(peer.bytes);
    }
  }

  std::string OnTheWire(const std::string& bytes) const {
    if (transform == nullptr) return bytes;
    return std::string(kSwapGreeting) + SwapCase(bytes) + std::string(kSwapEnd);
  }

  // Both answer whether a byte has moved, or an end.
  bool SendSome(Peer& peer) {
    if (peer.finished) return false;
    if (peer.sent == peer.bytes.size()) {
      peer.client.ShutdownWrite();
      return peer.finished = true;
    }
    const size_t sent = peer.client.SendWhatFits(
        std::string_view(peer.bytes).substr(peer.sent, RandomLength(200'000)));
    peer.sent += sent;
    return sent > 0;
  }

  bool ReceiveSome(Peer& peer) {
    const ssize_t got =
        ::recv(peer.client.fd(), into_.data(), RandomLength(into_.size()), MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN) return false;
    if (got <= 0) {
      EXPECT_EQ(got, 0) << std::strerror(errno);
      EXPECT_EQ(peer.received, peer.expected.size()) << "came back";
      peer.client.Close();
      return peer.ended = true;
    }
    const auto length = static_cast<size_t>(got);
    const std::string_view expected = std::string_view(peer.expected).substr(peer.received, length);
    EXPECT_EQ(std::string_view(into_).substr(0, length) == expected, true)
        << "wrong bytes, " << peer.received << " after the first; " << peer.sent << " were sent";
    peer.received += length;
    return true;
  }

  // Until something may be done; false when nothing can for too long.
  bool WaitForAny() const {
    std::vector<pollfd> waits;
    for (const Peer& peer : peers_) {
      if (peer.ended) continue;
      const short sends = peer.finished ? 0 : POLLOUT;
      waits.push_back({.fd = peer.client.fd(), .events = static_cast<short>(POLLIN | sends)});
    }
    return ::poll(waits.data(), waits.size(), kStuckMs) > 0;
  }

  size_t CountOpen() const {
    return static_cast<size_t>(std::count_if(peers_.begin(), peers_.end(),
                                             [](const Peer& peer) { return !peer.ended; }));
  }

  std::atomic<unsigned> next_ = 0;
  std::vector<Peer> peers_;
  std::string into_;
};

TEST_P(StreamFuzzTest, EveryByteComesBack) {
  const auto server = Start();
  ConnectAll();
  while (CountOpen() > 0 && !HasFailure()) {
    bool moved = false;
    for (Peer& peer : peers_) {
      if (!peer.ended && Random(2) == 0) moved |= SendSome(peer);
      if (!peer.ended && Random(2) == 0) moved |= ReceiveSome(peer);
    }
    if (!moved) {
      ASSERT_TRUE(WaitForAny()) << CountOpen() << " connections are stuck";
    }
  }
  EXPECT_TRUE(handler.WaitForClosed(kPeers));
  for (const absl::Status& reason : handler.reasons()) EXPECT_EQ(reason, absl::OkStatus());
}

INSTANTIATE_TEST_SUITE_P(All, StreamFuzzTest, ::testing::ValuesIn(FuzzCases(3)), NameOfFuzz);

}  // namespace
}  // namespace rondo::testing
