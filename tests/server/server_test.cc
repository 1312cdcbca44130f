#include "tests/server/server_test.h"

#include <thread>

#include "absl/strings/str_cat.h"

#include "tests/process/requirements.h"
#include "tests/server/start_engine.h"

namespace rondo::testing {
namespace {

const char* NameOf(PollerKind poller) {
  switch (poller) {
    case PollerKind::kEpoll:
      return "Epoll";
    case PollerKind::kEpollEdge:
      return "EpollEdge";
    case PollerKind::kIoUring:
      return "IoUring";
    default:
      return "Other";
  }
}

// A sanitizer starts a thread of its own with the first that the program starts.
size_t CountThreadsAfterOne() {
  std::thread([] {}).join();
  return CountThreads();
}

}  // namespace

ServerTest::ServerTest()
    : threads_before_(CountThreadsAfterOne()), descriptors_before_(CountDescriptors()) {}

ServerTest::~ServerTest() = default;

ServerTest::RunningServer ServerTest::Start(const std::string& address) {
  engine = StartEngine(handler, Listen{.address = address, .transform = transform}, options);
  return RunningServer(*this);
}

absl::Status ServerTest::Stop(absl::Duration grace) {
  const absl::Status status = engine->Stop(grace);
  EXPECT_EQ(engine->connection_count(), 0u);
  EXPECT_TRUE(handler.shut_down());
  EXPECT_EQ(handler.opened(), handler.closed());
  engine.reset();
  return status;
}

bool ServerTest::Echoes() const {
  Client client = Connect();
  return client.Send("still there?") && client.Receive(12) == "still there?";
}

void ServerTest::TearDown() {
  if (engine != nullptr) (void)Stop();
  EXPECT_EQ(handler.violations(), std::vector<std::string>());
  handler.Forget();
  // A thread that has been joined is still listed for a moment.
  EXPECT_TRUE(Eventually([this] { return CountThreads() <= threads_before_; }))
      << CountThreads() << " threads, " << threads_before_ << " before";
  EXPECT_LE(CountDescriptors(), descriptors_before_);
}

std::vector<Setup> Setups() {
  std::vector<Setup> all;
  for (const PollerKind poller :
       {PollerKind::kEpoll, PollerKind::kEpollEdge, PollerKind::kIoUring}) {
    for (const AcceptMode mode : {AcceptMode::kAcceptor, AcceptMode::kReusePort}) {
      for (const int loops : {1, 2}) all.push_back({poller, mode, loops});
    }
    if (poller == PollerKind::kEpollEdge) continue;  // It does not differ in this.
    if (RONDO_THREAD_SANITIZED) continue;  // To it a descriptor's number means one file.
    all.push_back({poller, AcceptMode::kReusePort, 2, true});
  }
  for (const PollerKind poller :
       {PollerKind::kEpoll, PollerKind::kEpollEdge, PollerKind::kIoUring}) {
    all.push_back({.poller = poller, .loops = 2, .swaps_case = true});
  }
  return all;
}

std::vector<Setup> FewSetups() {
  std::vector<Setup> few = Setups();
  std::erase_if(few, [](const Setup& setup) {
    return setup.accept_mode == AcceptMode::kReusePort || (setup.loops > 1 && !setup.swaps_case);
  });
  return few;
}

std::string NameOf(const ::testing::TestParamInfo<Setup>& setup) {
  const char* mode = setup.param.accept_mode == AcceptMode::kAcceptor ? "Acceptor" : "ReusePort";
  return absl::StrCat(NameOf(setup.param.poller), "_", mode, "_", setup.param.loops,
                      setup.param.private_descriptor_tables ? "_Private" : "",
                      setup.param.swaps_case ? "_SwapCase" : "");
}

std::string Lacks(const Setup& setup) {
  const std::string tables =
      setup.private_descriptor_tables ? lacking::PrivateTables() : std::string();
  return tables.empty() ? lacking::Poller(setup.poller) : tables;
}

ConformanceTest::ConformanceTest() {
  SkipWhatLacks(Lacks(GetParam()));
  options.poller = GetParam().poller;
  options.accept_mode = GetParam().accept_mode;
  options.loops = GetParam().loops;
  options.private_descriptor_tables = GetParam().private_descriptor_tables;
  if (GetParam().swaps_case) transform = &swap_case_;
}

}  // namespace rondo::testing
