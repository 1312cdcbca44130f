// Provided buffers lie apart from each other and from multiples of a page, keep their bytes until
// Trim, and are as large as requested.

#include "poll/uring/ring/provided_buffers.h"

#include <cstring>
#include <string>
#include <string_view>

#include "gtest/gtest.h"
#include "poll/uring/ring/ring.h"
#include "poll/waker.h"
#include "tests/process/requirements.h"

namespace rondo::poll::uring {
namespace {

constexpr size_t kBytes = 2 << 10;

class ProvidedBuffersTest : public ::testing::Test {
 protected:
  void SetUp() override {
    RONDO_NEEDS(IoUring());
    ASSERT_EQ(rondo::testing::WhenThereIsMemory([this] { return ring_.Create(); }),
              absl::OkStatus());
    ASSERT_GE(buffers_.Register(ring_, kBytes), 0);
  }

  // The ring must be destroyed first.
  ProvidedBuffers buffers_;
  Ring ring_{*Waker::New()};
};

TEST_F(ProvidedBuffersTest, BuffersDoNotOverlap) {
  EXPECT_EQ(buffers_.buffer_bytes(), kBytes);
  for (unsigned id = 0; id < ProvidedBuffers::kCount; ++id) {
    std::memset(buffers_.At(static_cast<uint16_t>(id)), static_cast<int>(id % 251), kBytes);
  }
  for (unsigned id = 0; id < ProvidedBuffers::kCount; ++id) {
    const std::string_view bytes(buffers_.At(static_cast<uint16_t>(id)), kBytes);
    ASSERT_EQ(bytes, std::string(kBytes, static_cast<char>(id % 251))) << id;
  }
}

TEST_F(ProvidedBuffersTest, FirstLinesDoNotShareASetOfTheCache) {
  // Lines as far apart as a power of two would.
  const auto stride = static_cast<size_t>(buffers_.At(1) - buffers_.At(0));
  EXPECT_EQ(stride % 64, 0u);
  EXPECT_NE(stride & (stride - 1), 0u);
}

TEST_F(ProvidedBuffersTest, TrimGivesTheirMemoryBack) {
  const uint16_t last = ProvidedBuffers::kCount - 1;
  for (const uint16_t id : {uint16_t{0}, last}) {
    std::memset(buffers_.At(id), 'x', kBytes);
  }
  buffers_.Trim();
  // Pages that were given back read as zero.
  for (const uint16_t id : {uint16_t{0}, last}) {
    EXPECT_EQ(std::string_view(buffers_.At(id), kBytes), std::string(kBytes, '\0'));
  }
}

}  // namespace
}  // namespace rondo::poll::uring
