// The kernel calls of the echo server, as strace counts them: for each message on a quiet
// connection one receive, one send and one wait on epoll, and one send and one wait on io_uring,
// which receives as it waits; without traffic, nothing. Ten seconds of nothing are for
//
//   build/test/tests/stress_tests --gtest_also_run_disabled_tests --gtest_filter='*TenSeconds*'

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <sstream>
#include <string>

#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"

#include "gtest/gtest.h"
#include "tests/process/child_process.h"
#include "tests/process/example_server.h"
#include "tests/process/process_state.h"
#include "tests/server/client.h"

namespace rondo {
namespace {

using testing::ChildProcess;
using testing::Client;
using testing::ExampleServer;

class SystemCallsTest : public testing::WayToRunTest {
 protected:
  static bool OnEpoll() { return GetParam().name.ends_with("epoll"); }

  void SetUp() override {
    if (RONDO_SANITIZED) GTEST_SKIP() << "a sanitizer makes system calls of its own";
    echo_.emplace("echo", GetParam().flags);
    client_ = Client(echo_->address());
    Exchange();
    ASSERT_TRUE(testing::Eventually([this] { return IsAsleep(); }));
    strace_ = std::make_unique<ChildProcess>(
        std::vector<std::string>{"strace", "-c", "-f", "-p",
                                 std::to_string(echo_->process().pid())},
        ChildProcess::Options{.errors = ChildProcess::Errors::kRead});
    const std::string line = strace_->ReadLine();
    if (line.find("attached") == std::string::npos) GTEST_SKIP() << line;
  }

  void Exchange() {
    ASSERT_TRUE(client_.Send("hello"));
    ASSERT_EQ(client_.Receive(5), "hello");
  }

  std::filesystem::path Proc(const std::string& what) {
    return std::filesystem::path("/proc") / std::to_string(echo_->process().pid()) / what;
  }

  // Whether each thread waits: an acceptor is on its way back from accept when the connection that
  // it has accepted is served.
  bool IsAsleep() {
    for (const auto& thread : std::filesystem::directory_iterator(Proc("task"))) {
      std::string stat;
      std::getline(std::ifstream(thread.path() / "stat"), stat);
      // PID (name) STATE ...
      if (stat.find(") S ") == std::string::npos) return false;
    }
    return true;
  }

  // Completions that its rings have had so far.
  uint64_t CountCompletions() {
    uint64_t all = 0;
    for (const auto& entry : std::filesystem::directory_iterator(Proc("fdinfo"))) {
      std::ifstream lines(entry.path());
      for (std::string word; lines >> word;) {
        uint64_t tail;
        if (word == "CqTail:" && lines >> tail) all += tail;
      }
    }
    return all;
  }

  // Calls that have ended since SetUp, by name, and the table that strace prints of them.
  std::map<std::string, int> CountCalls() {
    strace_->Signal(SIGINT);
    table_ = strace_->ReadAll();
    std::istringstream lines(table_);
    std::map<std::string, int> calls;
    for (std::string line; std::getline(lines, line);) {
      // % time, seconds, usecs/call, calls, errors if there were any, name
      std::istringstream fields(line);
      double share, seconds, each;
      int count;
      if (!(fields >> share >> seconds >> each >> count)) continue;
      const std::string name = line.substr(line.rfind(' ') + 1);
      if (name != "total") calls[name] = count;
    }
    return calls;
  }

  void ExpectNoneFor(absl::Duration time) {
    absl::Notification().WaitForNotificationWithTimeout(time);
    const std::map<std::string, int> calls = CountCalls();
    std::cout << calls.size() << " different calls within " << time << " without traffic"
              << std::endl;
    EXPECT_TRUE(calls.empty()) << table_;
  }

  std::optional<ExampleServer> echo_;
  Client client_;
  std::unique_ptr<ChildProcess> strace_;
  std::string table_;
};

TEST_P(SystemCallsTest, AMessageTakesNoUnnecessaryCall) {
  // Long enough for some of the timers by which io_uring gives memory back, each after a quarter of
  // a second.
  const absl::Duration least = OnEpoll() ? absl::ZeroDuration() : absl::Milliseconds(1500);
  const uint64_t completions_before = CountCompletions();
  const absl::Time begin = absl::Now();
  int messages = 0;
  for (; messages < 1000 || absl::Now() < begin + least; ++messages) {
    ASSERT_NO_FATAL_FAILURE(Exchange());
  }
  const auto quarters = static_cast<int>((absl::Now() - begin) / absl::Milliseconds(250));
  const auto completions = static_cast<int>(CountCompletions() - completions_before);
  std::map<std::string, int> calls = CountCalls();
  std::cout << messages << " messages, " << completions << " completions:";
  for (const auto& [name, count] : calls) std::cout << " " << name << " " << count;
  std::cout << std::endl;
  const auto take = [&calls](const std::string& name) {
    const auto node = calls.extract(name);
    return node.empty() ? 0 : node.mapped();
  };
  // Off by one: strace comes while a call waits, and goes before it has seen the last one end.
  EXPECT_NEAR(take("sendto"), messages, 1);
  if (OnEpoll()) {
    EXPECT_NEAR(take("recvfrom"), messages, 1);
    // Which of them waits depends on the kernel and on whether a timer is set.
    EXPECT_NEAR(take("epoll_wait") + take("epoll_pwait") + take("epoll_pwait2"), messages, 1);
  } else {
    // A receive each, and one timer at a time.
    EXPECT_LE(completions, messages + quarters + 1);
    // The timer may wake the loop, and give something back each time.
    EXPECT_NEAR(take("io_uring_enter"), messages, 2 + quarters);
    EXPECT_LE(take("madvise"), quarters);
  }
  EXPECT_TRUE(calls.empty()) << table_;
}

TEST_P(SystemCallsTest, WithoutTrafficThereAreNone) {
  ExpectNoneFor(absl::Seconds(1));
}

TEST_P(SystemCallsTest, DISABLED_WithoutTrafficThereAreNoneInTenSeconds) {
  ExpectNoneFor(absl::Seconds(10));
}

INSTANTIATE_TEST_SUITE_P(, SystemCallsTest, ::testing::ValuesIn(testing::WaysToRunOnEachPoller()),
                         [](const auto& ways) { return ways.param.name; });

}  // namespace
}  // namespace rondo
