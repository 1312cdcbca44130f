#include <stdexcept>

#include "absl/status/status.h"

#include "gtest/gtest.h"
#include "tests/server/server_test.h"

namespace rondo::testing {
namespace {

using RunningServerTest = ServerTest;

TEST_F(RunningServerTest, StopsTheEngineAtTheEndOfItsScope) {
  {
    const auto server = Start();
    EXPECT_NE(engine, nullptr);
  }
  EXPECT_EQ(engine, nullptr);
  EXPECT_TRUE(handler.shut_down());
}

TEST_F(RunningServerTest, DoesNothingAfterStop) {
  const auto server = Start();
  EXPECT_EQ(Stop(), absl::OkStatus());
  EXPECT_EQ(engine, nullptr);
}

TEST_F(RunningServerTest, DoesNotExistWhenTheStartFails) {
  EXPECT_THROW((void)Start("tcp://not an address"), std::runtime_error);
  EXPECT_EQ(engine, nullptr);
}

}  // namespace
}  // namespace rondo::testing
