// The id of a connection: no other connection of the process has it, and each line of the log about
// the connection begins with it.

#include <cstdint>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"

#include "rondo/rondo.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/server_test.h"

namespace rondo::testing {
namespace {

using ::testing::HasSubstr;

class IdentityTest : public ConformanceTest {
 protected:
  IdentityTest() {
    options.log = [this](LogSeverity, std::string_view text) {
      absl::MutexLock lock(&mutex_);
      log_.emplace_back(text);
    };
  }
  std::vector<std::string> Log() const {
    absl::MutexLock lock(&mutex_);
    return log_;
  }
  // Waits for a line with `text`; returns it.
  std::string WaitForLine(const std::string& text) const {
    std::string found;
    EXPECT_TRUE(Eventually([&] {
      for (const std::string& line : Log()) {
        if (line.find(text) != std::string::npos) found = line;
      }
      return !found.empty();
    })) << text;
    return found;
  }
  // The first connection.
  std::string Name() const { return absl::StrCat("connection ", handler.handles()[0].id()); }

 private:
  mutable absl::Mutex mutex_;
  std::vector<std::string> log_;
};
INSTANTIATE_TEST_SUITE_P(All, IdentityTest, ::testing::ValuesIn(Setups()), NameOf);

class Collector : public EventHandler {
 public:
  size_t size() const {
    absl::MutexLock lock(&mutex_);
    return ids_.size();
  }

 private:
  Action OnOpen(Connection& connection) override {
    absl::MutexLock lock(&mutex_);
    EXPECT_NE(connection.id(), 0u);
    EXPECT_EQ(connection.id(), connection.handle().id());
    EXPECT_TRUE(ids_.insert(connection.id()).second) << connection.id();
    return Action::kNone;
  }
  Action OnClose(Connection& connection, const absl::Status&) override {
    absl::MutexLock lock(&mutex_);
    EXPECT_EQ(connection.id(), connection.handle().id());
    EXPECT_TRUE(ids_.contains(connection.id()));
    return Action::kNone;
  }

  mutable absl::Mutex mutex_;
  std::set<uint64_t> ids_ ABSL_GUARDED_BY(mutex_);
};

TEST_P(IdentityTest, NoTwoConnectionsOfTheProcessHaveOne) {
  Collector collector;
  size_t opened = 0;
  // Engines that follow each other, each with connections that follow each other in a few slots.
  for (int run = 0; run < 3; ++run) {
    auto server = Engine::Start(collector, "tcp://127.0.0.1:0", options);
    ASSERT_TRUE(server.ok()) << server.status();
    for (int round = 0; round < 3; ++round) {
      std::vector<Client> clients;
      for (int i = 0; i < 6; ++i) clients.emplace_back((*server)->addresses()[0]);
      opened += clients.size();
      ASSERT_TRUE(Eventually([&] { return collector.size() == opened; }));
    }
    EXPECT_EQ((*server)->Stop(absl::Seconds(10)), absl::OkStatus());
  }
}

TEST_P(IdentityTest, IsInTheLineAboutAHandlerThatThrows) {
  handler.on_traffic = [](Connection&) -> Action { throw std::runtime_error("bad input"); };
  const auto server = Start();
  Client client = Connect();
  ASSERT_TRUE(client.Send("x"));
  ASSERT_TRUE(handler.WaitForClosed(1));
  EXPECT_EQ(WaitForLine("bad input"),
            absl::StrCat(Name(), " of ", client.local_address().ToString(),
                         ": the event handler threw: bad input"));
  EXPECT_EQ(handler.reason(), absl::InternalError("the event handler threw: bad input"));
}

TEST_P(IdentityTest, IsInTheLineAboutATaskOfAConnectionThatThrows) {
  const auto server = Start();
  Client client = Connect();
  ASSERT_TRUE(handler.WaitForOpened(1));
  const ConnectionHandle handle = handler.handles()[0];
  ASSERT_TRUE(handle.Post([](Connection&) { throw std::runtime_error("bad task"); }));
  EXPECT_THAT(WaitForLine("bad task"), HasSubstr(Name() + " of "));
}

TEST_P(IdentityTest, IsInTheLinesAboutCallbacksOfHandlesThatThrow) {
  const auto server = Start();
  Client client = Connect();
  ASSERT_TRUE(handler.WaitForOpened(1));
  const ConnectionHandle handle = handler.handles()[0];
  const auto throws = [](const char* what) {
    return [what](const absl::Status&) { throw std::runtime_error(what); };
  };
  handle.Write("x", throws("write"));
  handle.Wake(throws("wake"));
  handle.Close(throws("close"));
  for (const char* const what : {"write", "wake", "close"}) {
    EXPECT_EQ(WaitForLine(absl::StrCat("threw: ", what)),
              absl::StrCat(Name(), ": the callback of a write threw: ", what));
  }
  ASSERT_TRUE(handler.WaitForClosed(1));
  handle.Write("x", throws("too late"));
  EXPECT_THAT(WaitForLine("too late"), HasSubstr(Name() + ": "));
}

}  // namespace
}  // namespace rondo::testing
