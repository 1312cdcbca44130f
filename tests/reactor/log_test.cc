#include "reactor/log.h"

#include <cstdint>
#include <new>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/kernel/faulty_sys.h"

namespace rondo::reactor {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class LogTest : public ::testing::Test {
 protected:
  bool Write(LogKind kind, std::string_view text = "line") {
    return log_.Write(kind, LogSeverity::kWarning, text);
  }
  std::vector<std::string> TakeLines() { return std::exchange(lines_, {}); }

  Log log_{[this](LogSeverity, std::string_view text) { lines_.emplace_back(text); }};
  testing::FaultySys kernel_;

 private:
  std::vector<std::string> lines_;
};

constexpr int64_t kSecond = 1'000'000'000;

TEST_F(LogTest, TenInARowAndThenOneASecondWhichTellsHowManyWereLeftOut) {
  int written = 0;
  for (int i = 0; i < 100; ++i) written += Write(LogKind::kHandler);
  EXPECT_EQ(written, 10);
  EXPECT_THAT(TakeLines(), ::testing::AllOf(SizeIs(10), ::testing::Each("line")));
  for (int i = 0; i < 3; ++i) {
    kernel_.AdvanceClock(kSecond);
    EXPECT_TRUE(Write(LogKind::kHandler, "next"));
    EXPECT_FALSE(Write(LogKind::kHandler));
    EXPECT_THAT(TakeLines(), ElementsAre(i == 0 ? "next (left out before it: 90 like this)"
                                                : "next (left out before it: 1 like this)"));
  }
}

TEST_F(LogTest, AQuietTimeAllowsABurstAgainAndNoMore) {
  for (int i = 0; i < 11; ++i) (void)Write(LogKind::kTask);
  kernel_.AdvanceClock(1000 * kSecond);
  (void)TakeLines();
  for (int i = 0; i < 100; ++i) (void)Write(LogKind::kTask);
  const std::vector<std::string> lines = TakeLines();
  ASSERT_THAT(lines, SizeIs(10));
  EXPECT_EQ(lines[0], "line (left out before it: 1 like this)");
  EXPECT_EQ(lines[1], "line");
}

TEST_F(LogTest, OneKindLeavesNothingOfAnotherOut) {
  for (int i = 0; i < 100; ++i) (void)Write(LogKind::kHandler);
  (void)TakeLines();
  EXPECT_TRUE(Write(LogKind::kAccepting, "other"));
  EXPECT_THAT(TakeLines(), ElementsAre("other"));
  EXPECT_FALSE(Write(LogKind::kHandler));
  EXPECT_THAT(TakeLines(), IsEmpty());
}

TEST_F(LogTest, ATextIsMadeOnlyForALineThatIsWritten) {
  int made = 0;
  const auto text = [&] {
    ++made;
    return std::string("long");
  };
  for (int i = 0; i < 100; ++i) (void)log_.Write(LogKind::kReset, LogSeverity::kError, text, "");
  EXPECT_EQ(made, 10);
  EXPECT_THAT(TakeLines(), ::testing::AllOf(SizeIs(10), ::testing::Each("long")));
}

TEST_F(LogTest, ATextForWhichThereIsNoMemoryHasAShortOne) {
  const auto text = []() -> std::string { throw std::bad_alloc(); };
  EXPECT_TRUE(log_.Write(LogKind::kReset, LogSeverity::kError, text, "short"));
  EXPECT_THAT(TakeLines(), ElementsAre("short"));
}

TEST_F(LogTest, WhatNoPeerCausesHasNoLimit) {
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(Write(LogKind::kLifecycle));
  EXPECT_THAT(TakeLines(), SizeIs(100));
}

}  // namespace
}  // namespace rondo::reactor
