// Pieces that belong together are queued all or not at all, at the outbound limit, too.

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "gtest/gtest.h"
#include "stream/streams.h"
#include "sys/sys.h"
#include "tests/stream/fake_loop.h"

namespace rondo::stream {
namespace {

class WritevTest : public ::testing::Test {
 protected:
  WritevTest() {
    base::AssertOnLoop();
    (void)loop_.handlers.Add({.handler = handler_,
                              .options = {.outbound_high_bytes = kLimit,
                                          .outbound_limit_bytes = kLimit}});
    streams_ = std::make_unique<Streams>(loop_.services);
    std::array<int, 2> pair;
    EXPECT_EQ(sys::SocketPair(&pair), 0);
    peer_ = UniqueFd(pair[1]);
    EXPECT_TRUE(streams_->Open(UniqueFd(pair[0]), SocketAddress(), 0));
    streams_->ForEach([&](Connection& connection) {
      connection_ = static_cast<StreamConnection*>(&connection);
    });
    // A queue that holds twice as much memory as its bytes take; then the socket takes some.
    std::string large;
    large.reserve(2 * kLarge);
    large.resize(kLarge);
    EXPECT_NE(connection_->Write(std::move(large)), WriteResult::kRefused);
    streams_->ApplyPending();
    EXPECT_LT(connection_->outbound_bytes(), kLarge);
  }
  ~WritevTest() override {
    base::AssertOnLoop();
    (void)streams_->AbortAll(absl::OkStatus());
    streams_->ApplyPending();
    streams_->CloseEnded();
  }

  static constexpr size_t kLimit = 1 << 20;
  static constexpr size_t kLarge = 1'000'000;

  EventHandler handler_;
  FakeLoop loop_;
  std::unique_ptr<Streams> streams_;
  UniqueFd peer_;
  StreamConnection* connection_ = nullptr;
};

TEST_F(WritevTest, IsTakenWholeOrRefusedWhole) {
  const std::string first(60, 'a');
  const std::string second(4, 'b');
  WriteResult result = WriteResult::kOk;
  size_t before = 0;
  while (result != WriteResult::kRefused) {
    before = connection_->outbound_bytes();
    const std::array<std::string_view, 2> pieces = {first, second};
    result = connection_->Writev(pieces);
    if (result != WriteResult::kRefused) before += first.size() + second.size();
  }
  EXPECT_EQ(connection_->outbound_bytes(), before);
}

TEST_F(WritevTest, PiecesThatWereAdmittedTogetherAreAllTaken) {
  const size_t before = connection_->outbound_bytes();
  size_t written = 0;
  Output& output = streams_->output();
  while (output.Admits(*connection_, 64)) {
    EXPECT_NE(output.WriteAdmitted(*connection_, std::string(60, 'a')), WriteResult::kRefused);
    EXPECT_NE(output.WriteAdmitted(*connection_, std::string(4, 'b')), WriteResult::kRefused);
    written += 64;
  }
  EXPECT_EQ(connection_->outbound_bytes(), before + written);
}

}  // namespace
}  // namespace rondo::stream
