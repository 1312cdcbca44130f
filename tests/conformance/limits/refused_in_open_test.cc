// A handler may refuse a connection in OnOpen: what its peer sees, and that it counts as one that
// was opened and has closed.

#include <atomic>
#include <string>

#include "rondo/rondo.h"

#include "gtest/gtest.h"
#include "tests/server/server_test.h"

namespace rondo::testing {
namespace {

class RefusedInOpenTest : public ConformanceTest {
 protected:
  RefusedInOpenTest() {
    // So that the next one shows whether the place came back.
    options.max_connections = 1;
    handler.on_traffic = [this](Connection&) {
      traffic = true;
      return Action::kNone;
    };
  }
  // Has one client refused, and another after it.
  void RefuseTwo(const std::string& expected, Client::Ending ending) {
    const auto server = Start();
    for (size_t i = 0; i < 2; ++i) {
      Client client = Connect();
      // A send after a reset would be told of it, and not the receive.
      if (ending == Client::Ending::kFin) (void)client.Send("request");
      EXPECT_EQ(client.ReceiveAll(), expected);
      EXPECT_EQ(client.ending(), ending);
      ASSERT_TRUE(handler.WaitForClosed(i + 1));
      EXPECT_EQ(handler.reasons()[i], absl::OkStatus());
      EXPECT_EQ(handler.story(i), "open close");
    }
    EXPECT_FALSE(traffic);
  }

  std::atomic<bool> traffic = false;
};
INSTANTIATE_TEST_SUITE_P(All, RefusedInOpenTest, ::testing::ValuesIn(Setups()), NameOf);

TEST_P(RefusedInOpenTest, KCloseSendsWhatWasWrittenAndThenEndsInOrder) {
  handler.on_open = [](Connection& connection) {
    (void)connection.Write("busy, come back later");
    return Action::kClose;
  };
  RefuseTwo("busy, come back later", Client::Ending::kFin);
}

TEST_P(RefusedInOpenTest, KCloseWithoutAWordIsAnEndInOrder) {
  handler.on_open = [](Connection&) { return Action::kClose; };
  RefuseTwo("", Client::Ending::kFin);
}

TEST_P(RefusedInOpenTest, AbortIsAReset) {
  handler.on_open = [](Connection& connection) {
    connection.Abort();
    return Action::kNone;
  };
  RefuseTwo("", Client::Ending::kReset);
}

}  // namespace
}  // namespace rondo::testing
