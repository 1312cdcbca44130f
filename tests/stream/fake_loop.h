// FakeLoop is what a part of src/stream needs of a loop, without one: a poller, a clock, an engine
// that counts places and keeps the log. The test's thread is the loop's.

#ifndef RONDO_TESTS_STREAM_FAKE_LOOP_H_
#define RONDO_TESTS_STREAM_FAKE_LOOP_H_

#include <atomic>
#include <cstddef>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "poll/new_poller.h"
#include "reactor/loop_services.h"
#include "reactor/user_code.h"
#include "rondo/connection.h"

namespace rondo::stream {

class NoLoop final : public EventLoop {
 public:
  size_t index() const override { return 0; }
  Engine& engine() const override { base::CheckFailed("no engine", __FILE__, __LINE__); }
  size_t connection_count() const override { return 0; }
  PollerKind poller() const override { return PollerKind::kEpoll; }
  LoopStatistics Statistics() const override { return {}; }
  bool IsCurrent() const override { return true; }
  void Cancel(TimerId) override {}
  void ForEach(absl::FunctionRef<void(Connection&)>) override {}
  Connection* Find(const ConnectionHandle&) override { return nullptr; }

 private:
  bool PostTask(Task, size_t) override { return false; }
  TimerId ScheduleTask(absl::Duration, Task, size_t) override { return TimerId::kNone; }
};

class FakeEngine final : public reactor::EngineLink {
 public:
  Engine& engine() override { base::CheckFailed("no engine", __FILE__, __LINE__); }
  void RequestStop() override {}
  reactor::Log& log() override { return log_; }
  WorkerPool* workers() override { return nullptr; }
  reactor::Admission Admit(reactor::Newcomer& newcomer) override {
    if (refuses) return reactor::Admission::kRefused;
    newcomer.ask_again = ask_again;
    if (places == 0) return reactor::Admission::kMustWait;
    --places;
    return reactor::Admission::kAdmitted;
  }
  void Withdraw(reactor::Newcomer&) override {}
  void ReleaseConnection(const SocketAddress&) override { ++places; }
  reactor::LoadMeter* load_meter(size_t) override { return nullptr; }
  reactor::MemoryBudget* memory_budget() override { return nullptr; }
  void OnMemoryLimit() override {}

  size_t places = std::numeric_limits<size_t>::max();
  bool refuses = false;
  reactor::Tick ask_again = reactor::kNever;
  FakeEngine() { last_line.reserve(1000); }

  // How many lines were written, the texts for which there was memory, and the last one, which
  // needs none.
  size_t lines = 0;
  std::vector<std::string> logged;
  std::string last_line;

 private:
  reactor::Log log_{[this](LogSeverity, std::string_view text) {
    ++lines;
    last_line = text;
    reactor::UserCode::RunUnreported([&] { logged.emplace_back(text); });
  }};
};

class NoWorkers final : public reactor::Offloader {
 public:
  bool has_workers() const override { return false; }
  bool Submit(poll::EndpointId, uint32_t, std::unique_ptr<OffloadedWork>&) override {
    return false;
  }
};

struct FakeLoop {
  FakeEngine engine;
  NoLoop loop;
  reactor::HandlerTable handlers;
  std::atomic<size_t> connections{0};
  reactor::LoopMeter meter;
  reactor::CallbackWatch watch{absl::InfiniteDuration(), 0, engine, meter};
  reactor::Clock clock;
  NoWorkers offloader;
  const std::shared_ptr<poll::Waker> waker = *poll::Waker::New();
  const std::shared_ptr<reactor::Mailbox> mailbox =
      std::make_shared<reactor::Mailbox>(size_t{1} << 20, waker);
  const std::unique_ptr<poll::Poller> poller = *poll::NewEpollPoller(4096, waker);
  const reactor::LoopServices services{.loop = loop,
                                       .engine = engine,
                                       .mailbox = mailbox,
                                       .handlers = handlers,
                                       .connections = connections,
                                       .meter = meter,
                                       .watch = watch,
                                       .poller = *poller,
                                       .clock = clock,
                                       .offloader = offloader};
};

}  // namespace rondo::stream

#endif  // RONDO_TESTS_STREAM_FAKE_LOOP_H_
