#include "reactor/statistics/published.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace rondo::reactor {
namespace {

using Numbers = std::array<uint64_t, 20>;

TEST(PublishedTest, AReaderNeverSeesPartsOfTwoValues) {
  constexpr uint64_t kValues = RONDO_SANITIZED ? 20'000 : 200'000;
  Published<Numbers> published;
  std::atomic<bool> is_over = false;
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&] {
      uint64_t last = 0;
      while (!is_over) {
        const Numbers seen = published.Load();
        ASSERT_EQ(std::count(seen.begin(), seen.end(), seen[0]),
                  static_cast<std::ptrdiff_t>(seen.size()));
        ASSERT_GE(seen[0], last);
        last = seen[0];
      }
    });
  }
  Numbers value;
  for (uint64_t n = 1; n <= kValues; ++n) {
    value.fill(n);
    published.Store(value);
  }
  is_over = true;
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(published.Load(), value);
}

TEST(PublishedTest, WhatIsNotPublishedStays) {
  Published<Numbers> published;
  Numbers value;
  value.fill(1);
  published.Store(value);
  value.fill(2);
  published.Store<5>(value);
  const Numbers seen = published.Load();
  EXPECT_EQ(std::count(seen.begin(), seen.begin() + 5, uint64_t{2}), 5);
  EXPECT_EQ(std::count(seen.begin() + 5, seen.end(), uint64_t{1}), 15);
  published.StoreFirst(3);
  EXPECT_EQ(published.Load()[0], 3u);
  EXPECT_EQ(published.Load()[1], 2u);
}

}  // namespace
}  // namespace rondo::reactor
