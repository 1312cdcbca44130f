#include "poll/new_poller.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace rondo::poll {
namespace {

using ::testing::HasSubstr;

absl::StatusOr<std::unique_ptr<Poller>> New(PollerKind kind) {
  return NewPoller(kind, 64 << 10, *Waker::New());
}

TEST(NewPollerTest, MakesTheKindThatIsNamed) {
  EXPECT_STREQ((*New(PollerKind::kEpoll))->name(), "epoll");
}

TEST(NewPollerTest, AutoIsAlwaysThere) {
  EXPECT_TRUE(New(PollerKind::kAuto).ok());
}

TEST(NewPollerTest, AKindThatTheSystemLacksIsRefusedWithThoseItHas) {
  const absl::Status status = New(PollerKind::kKqueue).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(std::string(status.message()), HasSubstr("kEpoll"));
}

}  // namespace
}  // namespace rondo::poll
