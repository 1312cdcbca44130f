// Records are reused, and what was not needed for a while goes back to the system.

#include "poll/uring/send_records.h"

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <set>
#include <vector>

#include "gtest/gtest.h"

namespace rondo::poll::uring {
namespace {

constexpr uintptr_t kPage = 4 << 10;

bool IsMapped(const void* address) {
  void* const page = reinterpret_cast<void*>(reinterpret_cast<uintptr_t>(address) / kPage * kPage);
  return ::msync(page, 1, MS_ASYNC) == 0 || errno != ENOMEM;
}

class SendRecordsTest : public ::testing::Test {
 protected:
  std::vector<uint32_t> TakeMany(size_t count) {
    std::vector<uint32_t> numbers;
    while (numbers.size() < count) numbers.push_back(records_.Take());
    return numbers;
  }
  void ReturnAll(const std::vector<uint32_t>& numbers) {
    for (const uint32_t number : numbers) records_.Return(number);
  }

  SendRecords records_;
};

TEST_F(SendRecordsTest, RecordsInUseAreDifferentOnes) {
  const std::vector<uint32_t> numbers = TakeMany(100);
  std::set<SendRecord*> records;
  for (const uint32_t number : numbers) {
    ASSERT_NE(number, SendRecords::kNone);
    records.insert(&records_.At(number));
    records_.At(number).bytes.fill('x');
  }
  EXPECT_EQ(records.size(), numbers.size());
}

TEST_F(SendRecordsTest, TheOneThatCameBackLastIsTakenNext) {
  const std::vector<uint32_t> numbers = TakeMany(3);
  records_.Return(numbers[1]);
  records_.Return(numbers[0]);
  EXPECT_EQ(records_.Take(), numbers[0]);
  EXPECT_EQ(records_.Take(), numbers[1]);
}

TEST_F(SendRecordsTest, RecordsDoNotAllBeginAtTheStartOfAPage) {
  std::set<uintptr_t> offsets;
  for (const uint32_t number : TakeMany(8)) {
    offsets.insert(reinterpret_cast<uintptr_t>(&records_.At(number)) % kPage);
  }
  EXPECT_EQ(offsets.size(), 8u);
}

TEST_F(SendRecordsTest, TrimGivesBackAsManyAsWereNotNeededSinceTheLastOne) {
  const std::vector<uint32_t> numbers = TakeMany(10);
  std::vector<const SendRecord*> all;
  for (const uint32_t number : numbers) all.push_back(&records_.At(number));
  const auto mapped = [&all] { return std::count_if(all.begin(), all.end(), IsMapped); };

  ReturnAll(numbers);
  records_.Trim();
  EXPECT_EQ(mapped(), 10);
  const size_t held = records_.held_bytes();
  EXPECT_GE(held, 10 * sizeof(SendRecord));

  ReturnAll(TakeMany(4));
  records_.Trim();
  EXPECT_EQ(mapped(), 4);
  EXPECT_EQ(records_.held_bytes(), held / 10 * 4);

  for (const uint32_t number : TakeMany(10)) records_.At(number).bytes.fill('x');
}

TEST_F(SendRecordsTest, ThereAreNoMoreThanABoundedNumber) {
  const std::vector<uint32_t> numbers = TakeMany(SendRecords::kMost);
  EXPECT_EQ(std::count(numbers.begin(), numbers.end(), SendRecords::kNone), 0);
  EXPECT_EQ(records_.Take(), SendRecords::kNone);
  ReturnAll(numbers);
  EXPECT_NE(records_.Take(), SendRecords::kNone);
}

TEST_F(SendRecordsTest, TrimLeavesRecordsInUseAlone) {
  const std::vector<uint32_t> numbers = TakeMany(2);
  records_.Return(numbers[1]);
  for (int i = 0; i < 3; ++i) records_.Trim();
  EXPECT_TRUE(IsMapped(&records_.At(numbers[0])));
  records_.At(numbers[0]).bytes.fill('x');
}

}  // namespace
}  // namespace rondo::poll::uring
