// What Engine::Start refuses, and that it leaves nothing behind then.

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <memory>
#include <string>
#include <vector>

#include "rondo/rondo.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/kernel/faulty_sys.h"
#include "tests/process/process_state.h"
#include "tests/process/requirements.h"
#include "tests/server/client.h"

namespace rondo {
namespace {

using rondo::testing::Call;
using rondo::testing::Client;
using rondo::testing::CountDescriptors;
using rondo::testing::CountThreads;
using rondo::testing::FaultySys;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class StartTest : public ::testing::Test {
 protected:
  ~StartTest() override {
    EXPECT_EQ(CountDescriptors(), descriptors_);
    EXPECT_TRUE(rondo::testing::Eventually([this] { return CountThreads() <= threads_; }));
  }
  absl::Status Failure(const std::vector<std::string>& addresses, const Options& options = {}) {
    return Engine::Start(handler_, addresses, options).status();
  }

  EventHandler handler_;
  const size_t descriptors_ = CountDescriptors();
  const size_t threads_ = CountThreads();
};

TEST_F(StartTest, ABadAddressAmongGoodOnesStartsNothing) {
  const absl::Status status =
      Failure({"tcp://127.0.0.1:0", "tcp://:0", "tcp:/127.0.0.1:0"}, {.loops = 2});
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("\"tcp:/127.0.0.1:0\""));
}

TEST_F(StartTest, AHostThatDoesNotResolveStartsNothing) {
  FaultySys kernel;
  kernel.Fail(Call::kResolve, EAI_NONAME);
  const absl::Status status = Failure({"tcp://:0", "tcp://no-such-host.example:80"});
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()), HasSubstr("no-such-host.example"));
}

TEST_F(StartTest, APortInUseStartsNothing) {
  auto first = Engine::Start(handler_, "tcp://127.0.0.1:0");
  ASSERT_TRUE(first.ok());
  const std::string address = (*first)->addresses()[0].ToString();
  for (const AcceptMode mode : {AcceptMode::kAcceptor, AcceptMode::kReusePort}) {
    const absl::Status status =
        Failure({"tcp://127.0.0.1:0", address}, {.loops = 2, .accept_mode = mode});
    EXPECT_EQ(status.code(), absl::StatusCode::kAlreadyExists);
    EXPECT_THAT(std::string(status.message()), StartsWith("bind " + address + ": "));
  }
}

TEST_F(StartTest, APortThatNeedsPrivilegesStartsNothing) {
  FaultySys kernel;
  kernel.Fail(Call::kBind, EACCES);
  const absl::Status status = Failure({"tcp://127.0.0.1:80"});
  EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_THAT(std::string(status.message()), HasSubstr("CAP_NET_BIND_SERVICE"));
}

TEST_F(StartTest, WhateverTheKernelRefusesStartsNothing) {
  Options options = {.loops = 2, .poller = PollerKind::kEpoll};
  for (const Call call :
       {Call::kSocket, Call::kSetOption, Call::kBind, Call::kListen, Call::kGetSocketName,
        Call::kEpollCreate, Call::kEpollControl, Call::kEventFd}) {
    for (const AcceptMode mode : {AcceptMode::kAcceptor, AcceptMode::kReusePort}) {
      FaultySys kernel;
      kernel.Fail(call, ENOMEM);
      options.accept_mode = mode;
      const absl::Status status = Failure({"tcp://127.0.0.1:0"}, options);
      EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << static_cast<int>(call);
    }
    EXPECT_EQ(CountDescriptors(), descriptors_) << static_cast<int>(call);
  }
}

TEST_F(StartTest, WithoutADescriptorTableForALoopItStartsNothing) {
  for (const int failures : {1, 2, 3}) {
    FaultySys kernel;
    kernel.Fail(Call::kUnshareDescriptors, EPERM, failures);
    const absl::Status status = Failure(
        {"tcp://127.0.0.1:0"},
        {.loops = 3, .accept_mode = AcceptMode::kReusePort, .private_descriptor_tables = true});
    EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied);
    EXPECT_THAT(std::string(status.message()), HasSubstr("seccomp"));
    EXPECT_EQ(CountDescriptors(), descriptors_) << failures;
  }
}

TEST_F(StartTest, AnEngineWhoseLoopsHaveTheirOwnTablesIsTheOnlyOne) {
  for (const bool first_is_private : {true, false}) {
    const auto first = Engine::Start(handler_, "tcp://127.0.0.1:0",
                                     {.private_descriptor_tables = first_is_private});
    ASSERT_TRUE(first.ok());
    const absl::Status status =
        Failure({"tcp://127.0.0.1:0"}, {.private_descriptor_tables = !first_is_private});
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
  }
  // The place is free again.
  EXPECT_TRUE(
      Engine::Start(handler_, "tcp://127.0.0.1:0", {.private_descriptor_tables = true}).ok());
}

TEST_F(StartTest, KnowsWhetherAStopWasRequested) {
  const auto make = [](size_t) { return std::make_unique<EventHandler>(); };
  const auto engine = Engine::Start(HandlerFactory(make), "tcp://127.0.0.1:0", {.loops = 2});
  ASSERT_TRUE(engine.ok());
  EXPECT_FALSE((*engine)->stopping());
  EXPECT_TRUE((*engine)->Stop(absl::Seconds(10)).ok());
  EXPECT_TRUE((*engine)->stopping());
}

// Always picks the last loop.
class TheLast : public LoadBalancer {
  size_t Pick(absl::Span<const LoopLoad> loops, const SocketAddress&) override {
    return loops.size() - 1;
  }
};

TEST_F(StartTest, WithoutThreadsForTheLoopsItStartsNothingAndDropsWhatWasAccepted) {
  FaultySys kernel;
  // One starts, for the acceptor.
  kernel.Before(Call::kStartThread, [&](int) { kernel.Fail(Call::kStartThread, EAGAIN); });
  struct Popular : EventHandler {
    Action OnBoot(Engine& engine) override {
      clients.emplace_back(engine.addresses()[0]);
      clients.emplace_back(engine.addresses()[0]);
      return Action::kNone;
    }
    std::vector<Client> clients;
  } popular;
  const absl::Status status =
      Engine::Start(
          popular, "tcp://127.0.0.1:0",
          {.loops = 2, .load_balancer = std::make_shared<TheLast>(), .max_connections = 1})
          .status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(status.message()), HasSubstr("starting thread 2"));
  for (Client& client : popular.clients) EXPECT_NE(client.WaitForEnd(), Client::Ending::kTimeout);
  popular.clients.clear();
}

TEST_F(StartTest, OnBootCanCallItOff) {
  class Reluctant : public EventHandler {
    Action OnBoot(Engine&) override { return Action::kShutdown; }
  } reluctant;
  const absl::Status status = Engine::Start(reluctant, "tcp://127.0.0.1:0").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kCancelled);
  EXPECT_THAT(std::string(status.message()), HasSubstr("OnBoot"));
}

TEST_F(StartTest, AnEmptyFactoryIsRefused) {
  const std::vector<std::string> addresses = {"tcp://127.0.0.1:0"};
  EXPECT_EQ(Engine::Start(HandlerFactory(), addresses).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(StartTest, AddressesAreAsBoundAndInOrder) {
  RONDO_NEEDS(Ipv6());
  const std::vector<std::string> addresses = {"tcp://127.0.0.1:0", "tcp://:0", "tcp6://[::1]:0"};
  for (const AcceptMode mode : {AcceptMode::kAcceptor, AcceptMode::kReusePort}) {
    auto engine = Engine::Start(handler_, addresses, {.loops = 2, .accept_mode = mode});
    ASSERT_TRUE(engine.ok()) << engine.status();
    ASSERT_EQ((*engine)->addresses().size(), 3u);
    EXPECT_EQ((*engine)->addresses()[0].host(), "127.0.0.1");
    EXPECT_EQ((*engine)->addresses()[1].host(), "::");
    EXPECT_EQ((*engine)->addresses()[2].host(), "::1");
    for (const SocketAddress& address : (*engine)->addresses()) {
      EXPECT_NE(address.port(), 0);
      EXPECT_TRUE(Client(address).connected());
    }
  }
}

TEST_F(StartTest, AddressesAsReportedStartTheSameListeners) {
  RONDO_NEEDS(Ipv6());
  const std::vector<std::string> addresses = {
      "tcp://127.0.0.1:0", "tcp://:0",      "tcp4://:0",         "tcp6://:0",
      "tcp://[::]:0",      "tcp://[::1]:0", "tcp://localhost:0", "tcp://[::ffff:127.0.0.1]:0"};
  // Whether each takes IPv6 only; -1: an IPv4 socket has no such option.
  const auto ipv6_only = [](const Engine& engine) {
    std::vector<int> each;
    for (const SocketAddress& address : engine.addresses()) {
      const auto listener = engine.DuplicateListener(address);
      EXPECT_TRUE(listener.ok()) << listener.status();
      int& value = each.emplace_back(-1);
      socklen_t length = sizeof value;
      (void)::getsockopt(listener->get(), IPPROTO_IPV6, IPV6_V6ONLY, &value, &length);
    }
    return each;
  };
  for (const AcceptMode mode : {AcceptMode::kAcceptor, AcceptMode::kReusePort}) {
    const Options options = {.loops = 2, .accept_mode = mode, .reuse_port = true};
    const auto first = Engine::Start(handler_, addresses, options);
    ASSERT_TRUE(first.ok()) << first.status();
    std::vector<std::string> reported;
    for (const SocketAddress& address : (*first)->addresses()) {
      reported.push_back(address.ToString());
    }
    // Beside the first engine, so that no other process can take its ports meanwhile.
    const auto again = Engine::Start(handler_, reported, options);
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_EQ((*again)->addresses(), (*first)->addresses());
    EXPECT_THAT(ipv6_only(**first), ElementsAre(-1, 0, -1, 1, 1, 1, -1, -1));
    EXPECT_EQ(ipv6_only(**again), ipv6_only(**first));
  }
}

TEST_F(StartTest, AListenerThatIsNotThereCannotBeDuplicated) {
  auto engine = Engine::Start(handler_, "tcp://127.0.0.1:0");
  ASSERT_TRUE(engine.ok());
  EXPECT_EQ((*engine)->DuplicateListener(SocketAddress()).status().code(),
            absl::StatusCode::kNotFound);
}

TEST_F(StartTest, AllListenersAreDuplicatedOneForEachLoopWhereThatHasOne) {
  for (const auto& [mode, each] : {std::pair(AcceptMode::kAcceptor, 1),
                                   std::pair(AcceptMode::kReusePort, 3)}) {
    auto engine = Engine::Start(handler_, {"tcp://127.0.0.1:0", "tcp4://localhost:0"},
                                {.loops = 3, .accept_mode = mode});
    ASSERT_TRUE(engine.ok()) << engine.status();
    const auto listeners = (*engine)->DuplicateListeners();
    ASSERT_TRUE(listeners.ok()) << listeners.status();
    std::vector<uint16_t> ports;
    for (const UniqueFd& listener : *listeners) {
      sockaddr_in bound = {};
      socklen_t length = sizeof bound;
      auto* const address = reinterpret_cast<sockaddr*>(&bound);
      ASSERT_EQ(::getsockname(listener.get(), address, &length), 0);
      ports.push_back(ntohs(bound.sin_port));
    }
    std::vector<uint16_t> expected(each, (*engine)->addresses()[0].port());
    expected.insert(expected.end(), each, (*engine)->addresses()[1].port());
    EXPECT_EQ(ports, expected);
    EXPECT_TRUE((*engine)->Stop(absl::InfiniteDuration()).ok());
    EXPECT_EQ((*engine)->DuplicateListeners().status().code(),
              absl::StatusCode::kFailedPrecondition);
  }
}

TEST_F(StartTest, ThePollerThatAutoHasBecomeIsTold) {
  for (const PollerKind kind : {PollerKind::kAuto, PollerKind::kEpoll, PollerKind::kEpollEdge}) {
    auto engine = Engine::Start(handler_, "tcp://127.0.0.1:0", {.loops = 2, .poller = kind});
    ASSERT_TRUE(engine.ok()) << engine.status();
    const PollerKind chosen = (*engine)->poller();
    if (kind == PollerKind::kAuto) {
      EXPECT_TRUE(chosen == PollerKind::kIoUring || chosen == PollerKind::kEpoll);
    } else {
      EXPECT_EQ(chosen, kind);
    }
    EXPECT_EQ((*engine)->loop(1).poller(), chosen);
  }
}

TEST_F(StartTest, ACpuThatIsNotThereIsLoggedAndTheLoopRunsAnywhere) {
  absl::Mutex mutex;
  std::vector<std::string> warnings;
  const auto log = [&](LogSeverity severity, std::string_view text) {
    const absl::MutexLock lock(&mutex);
    if (severity != LogSeverity::kInfo) warnings.emplace_back(text);
  };
  auto engine = Engine::Start(handler_, "tcp://127.0.0.1:0", {.cpus = {4095}, .log = log});
  ASSERT_TRUE(engine.ok());
  EXPECT_TRUE((*engine)->Stop(absl::InfiniteDuration()).ok());
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_THAT(warnings[0], StartsWith("binding rondo/0 to CPU 4095: invalid argument"));
}

}  // namespace
}  // namespace rondo
