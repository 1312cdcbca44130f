#include "benchmarks/load/pattern.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>

namespace load {
namespace {

std::string Stream(uint32_t offset, size_t size) {
  std::string bytes;
  while (bytes.size() < size) {
    bytes += *Pattern::Get().At(offset);
    offset = Pattern::Advance(offset, 1);
  }
  return bytes;
}

TEST(PatternTest, WindowsAreContiguousOverTheEndOfThePeriod) {
  const Pattern& pattern = Pattern::Get();
  uint32_t last = Pattern::kPeriod - 1;
  EXPECT_EQ(std::string(pattern.At(last), Pattern::kLongestWindow),
            Stream(last, Pattern::kLongestWindow));
}

TEST(PatternTest, MatchesItselfAtAnyLength) {
  const Pattern& pattern = Pattern::Get();
  std::string bytes = Stream(5, 300 * 1000);
  EXPECT_TRUE(pattern.Matches(5, bytes.data(), bytes.size()));
  bytes.back() ^= 1;
  EXPECT_FALSE(pattern.Matches(5, bytes.data(), bytes.size()));
}

TEST(PatternTest, RewindUndoesAdvance) {
  for (uint32_t bytes : {1u, 64u, 16380u, 16381u, 16382u, 65536u}) {
    EXPECT_EQ(Pattern::Rewind(Pattern::Advance(77, bytes), bytes), 77u) << bytes;
  }
}

TEST(PatternTest, NoticesASingleLostOrDoubledByte) {
  const Pattern& pattern = Pattern::Get();
  for (uint32_t offset = 0; offset < Pattern::kPeriod; ++offset) {
    uint32_t next = Pattern::Advance(offset, 1);
    EXPECT_FALSE(pattern.Matches(offset, pattern.At(next), 16)) << offset;
    EXPECT_FALSE(pattern.Matches(next, pattern.At(offset), 16)) << offset;
  }
}

TEST(PatternTest, NoticesAWholeBufferThatIsMissing) {
  const Pattern& pattern = Pattern::Get();
  for (uint32_t bytes = 64; bytes <= 1024 * 1024; bytes *= 2) {
    EXPECT_FALSE(pattern.Matches(Pattern::Advance(0, bytes), pattern.At(0), 64)) << bytes;
  }
}

TEST(PatternTest, NoticesTheStreamOfAnotherConnection) {
  const Pattern& pattern = Pattern::Get();
  for (uint64_t connection = 1; connection < 10000; ++connection) {
    EXPECT_FALSE(
        pattern.Matches(Pattern::StartOf(0), pattern.At(Pattern::StartOf(connection)), 64));
  }
}

}  // namespace
}  // namespace load
