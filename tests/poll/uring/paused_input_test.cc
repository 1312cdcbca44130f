// Bytes come out of PausedInput in the order in which they went in, piece by piece.

#include "poll/uring/paused_input.h"

#include <algorithm>
#include <string>

#include "gtest/gtest.h"

namespace rondo::poll::uring {
namespace {

std::string Take(PausedInput& input, size_t n) {
  const std::string taken(input.Front(n));
  input.Consume(n);
  return taken;
}

TEST(PausedInputTest, IsEmptyAtFirst) {
  const PausedInput input;
  EXPECT_EQ(input.size(), 0u);
  EXPECT_EQ(input.Front(0), "");
}

TEST(PausedInputTest, PiecesNeedNotBeThoseThatCameIn) {
  PausedInput input;
  input.Append("one");
  input.Append("two");
  EXPECT_EQ(input.size(), 6u);
  EXPECT_EQ(Take(input, 4), "onet");
  EXPECT_EQ(input.size(), 2u);
  EXPECT_EQ(Take(input, 2), "wo");
  EXPECT_EQ(input.size(), 0u);
}

TEST(PausedInputTest, MoreMayComeWhileSomeIsLeft) {
  PausedInput input;
  std::string expected, taken;
  for (int i = 0; i < 100; ++i) {
    const std::string bytes(static_cast<size_t>(i % 7), static_cast<char>('a' + i % 26));
    input.Append(bytes);
    expected += bytes;
    taken += Take(input, std::min<size_t>(input.size(), 2));
  }
  taken += Take(input, input.size());
  EXPECT_EQ(taken, expected);
}

}  // namespace
}  // namespace rondo::poll::uring
