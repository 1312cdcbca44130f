// PeekMutable: a codec changes its input in place, as those of WebSocket and of encrypted protocols
// do, and what it leaves stays changed until it is taken.

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include "rondo/rondo.h"

#include "gtest/gtest.h"
#include "tests/server/server_test.h"

namespace rondo::testing {
namespace {

// A frame: its length (3 bytes), a mask, and the payload, each byte of which the mask has changed.
constexpr size_t kHeader = 4;

std::string Masked(std::string_view payload, char mask) {
  std::string frame;
  for (const int shift : {16, 8, 0}) frame += static_cast<char>(payload.size() >> shift & 255);
  frame += mask;
  for (const char byte : payload) frame += static_cast<char>(byte ^ mask);
  return frame;
}

struct Progress final : ConnectionContext {
  // Bytes of the frame in front that are plain already.
  size_t unmasked = 0;
};

class UnmaskTest : public ConformanceTest {
 protected:
  UnmaskTest() {
    handler.on_open = [](Connection& connection) {
      connection.set_context(std::make_unique<Progress>());
      return Action::kNone;
    };
    // Unmasks what has arrived, each byte once, and answers with each payload.
    handler.on_traffic = [this](Connection& connection) {
      while (UnmaskFront(connection)) {
      }
      seen_ = connection.buffered() + taken_;
      return Action::kNone;
    };
  }
  // How many bytes the handler has seen.
  size_t seen() const { return seen_; }

 private:
  // Whether a whole frame was there, and was answered.
  bool UnmaskFront(Connection& connection) {
    const absl::Span<char> bytes = connection.PeekMutable();
    if (bytes.size() < kHeader) return false;
    size_t length = 0;
    for (const size_t i : {0, 1, 2}) length = length << 8 | static_cast<uint8_t>(bytes[i]);
    size_t& unmasked = connection.context<Progress>()->unmasked;
    const absl::Span<char> payload = bytes.subspan(kHeader, length);
    for (; unmasked < payload.size(); ++unmasked) {
      payload[unmasked] = static_cast<char>(payload[unmasked] ^ bytes[3]);
    }
    if (payload.size() < length) return false;
    EXPECT_TRUE(connection.Peek() == std::string_view(bytes.data(), bytes.size()));
    EXPECT_EQ(connection.Discard(kHeader), kHeader);
    EXPECT_NE(connection.Write(connection.Next(length)), WriteResult::kRefused);
    unmasked = 0;
    taken_ += kHeader + length;
    return true;
  }

  size_t taken_ = 0;
  std::atomic<size_t> seen_ = 0;
};
INSTANTIATE_TEST_SUITE_P(All, UnmaskTest, ::testing::ValuesIn(Setups()), NameOf);

TEST_P(UnmaskTest, WhatIsLeftStaysChanged) {
  const auto server = Start();
  Client client = Connect();
  std::string wire, plain;
  for (const size_t size : {0, 1, 5, 40, 13, 100}) {
    const std::string payload = RandomBytes(size);
    wire += Masked(payload, static_cast<char>(37 + size));
    plain += payload;
  }
  size_t cut = 1;
  for (size_t at = 0; at < wire.size(); at += cut) {
    cut = 1 + at % 7;
    const std::string_view piece = std::string_view(wire).substr(at, cut);
    ASSERT_TRUE(client.Send(piece));
    ASSERT_TRUE(Eventually([&] { return seen() == at + piece.size(); })) << "one cut at a time";
  }
  EXPECT_TRUE(client.Receive(plain.size()) == plain);
}

TEST_P(UnmaskTest, LargeFramesAndManyInOnePiece) {
  const auto server = Start();
  Client client = Connect();
  std::string wire, plain;
  for (int i = 0; i < 200; ++i) {
    const std::string payload = RandomBytes(i % 5 == 0 ? 150'000 : i * 13 % 4'000, i);
    wire += Masked(payload, static_cast<char>(i));
    plain += payload;
  }
  std::thread sender([&] { EXPECT_TRUE(client.Send(wire)); });
  EXPECT_TRUE(client.Receive(plain.size()) == plain);
  sender.join();
}

TEST_P(UnmaskTest, ShowsWhatPeekShows) {
  handler.on_traffic = [](Connection& connection) {
    EXPECT_TRUE(connection.PeekMutable(0).empty());
    EXPECT_TRUE(connection.PeekMutable(connection.buffered() + 1).empty());
    if (connection.buffered() < 6) return Action::kNone;
    EXPECT_EQ(connection.PeekMutable().size(), connection.buffered());
    const absl::Span<char> front = connection.PeekMutable(3);
    EXPECT_EQ(front.size(), 3u);
    std::fill(front.begin(), front.end(), '*');
    EXPECT_EQ(connection.Peek(), "***def");
    EXPECT_EQ(connection.Write(connection.Next()), WriteResult::kOk);
    EXPECT_TRUE(connection.PeekMutable().empty());
    return Action::kNone;
  };
  const auto server = Start();
  Client client = Connect();
  ASSERT_TRUE(client.Send("abcdef"));
  EXPECT_EQ(client.Receive(6), "***def");
}

}  // namespace
}  // namespace rondo::testing
