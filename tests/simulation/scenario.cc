#include "tests/simulation/scenario.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

#include "rondo/engine.h"
#include "rondo/options.h"

#include "simulation/random.h"
#include "simulation/simulation.h"
#include "sys/sys.h"
#include "tests/simulation/checked_echo.h"
#include "tests/simulation/reference_client.h"

namespace rondo::simulation {
namespace {

using Character = ReferenceClient::Character;

constexpr auto kCharacters = static_cast<uint64_t>(Character::kCount);
constexpr int64_t kMillisecond = 1'000'000;

const char* NameOf(Character character) {
  switch (character) {
    case Character::kPatient:
      return "patient client";
    case Character::kPipelining:
      return "pipelining client";
    case Character::kSlow:
      return "slow client";
    case Character::kClosing:
      return "closing client";
    case Character::kResetting:
      return "resetting client";
    case Character::kRude:
      return "rude client";
    case Character::kCount:
      break;
  }
  return "none";
}

// When the engine is stopped, and how.
struct StopPlan {
  // While clients are there.
  bool early = false;
  int64_t after = 0;
  absl::Duration grace = absl::Hours(2);
};

class Scenario {
 public:
  Scenario(uint64_t seed, const Trace::Sink& sink)
      : random_(seed),
        conditions_(Conditions::FromSeed(random_)),
        simulation_(random_.Next(), conditions_),
        handler_(random_.Fork()) {
    report_.seed = seed;
    simulation_.set_trace(sink);
    DrawOptions();
    DrawClients();
    stop_.early = random_.Below(3) == 0;
    stop_.after = random_.Magnitude(1000, 200 * kMillisecond);
    if (random_.Below(3) == 0) {
      stop_.grace = absl::Nanoseconds(random_.Between(0, 50 * kMillisecond));
    }
  }

  Report Run() {
    const absl::Status status = simulation_.Run([this] { Main(); });
    if (!status.ok()) Violation(status.ToString());
    for (const auto& client : clients_) CheckClient(*client);
    for (const std::string& each : handler_.violations()) Violation(each);
    Summarize();
    return std::move(report_);
  }

 private:
  void DrawOptions();
  void DrawClients();
  void Main();
  void CheckClient(const ReferenceClient& client);
  void CheckReason(const ReferenceClient& client, const absl::Status& reason);
  void Summarize();

  void Violation(std::string text) { report_.violations.push_back(std::move(text)); }
  void Expect(bool holds, const char* text) {
    if (!holds) Violation(text);
  }
  // Whether something may have taken connections away that is neither the client nor the server.
  bool IsDisturbed() const { return simulation_.count(Fault::kOutsideReset) > 0; }
  bool AcceptHasFailed() const {
    return simulation_.count(Fault::kAcceptAborted) > 0 ||
           simulation_.count(Fault::kAcceptNoDescriptors) > 0;
  }

  Random random_;
  const Conditions conditions_;
  Simulation simulation_;
  CheckedEcho handler_;
  Options options_;
  StopPlan stop_;
  std::vector<std::unique_ptr<ReferenceClient>> clients_;
  absl::Status stopped_ = absl::UnknownError("not stopped");
  Report report_;
};

// --- What is drawn.

void Scenario::DrawOptions() {
  options_.poller = random_.Below(2) == 0 ? PollerKind::kEpoll : PollerKind::kEpollEdge;
  options_.loops = static_cast<int>(random_.Between(1, 4));
  options_.accept_mode = random_.Below(2) == 0 ? AcceptMode::kAcceptor : AcceptMode::kReusePort;
  options_.backlog = static_cast<int>(random_.Magnitude(1, 128));
  options_.read_buffer_bytes = static_cast<size_t>(random_.Magnitude(1 << 10, 128 << 10));
  options_.connection.outbound_high_bytes =
      static_cast<size_t>(random_.Magnitude(1 << 10, 256 << 10));
  options_.connection.outbound_low_bytes =
      static_cast<size_t>(random_.Between(0, 1 << 10));
  // Stalls of a link may be long.
  options_.connection.close_timeout = absl::Hours(1);
  if (random_.Below(4) == 0) {
    options_.max_connections = static_cast<size_t>(random_.Between(1, 8));
  }
}

void Scenario::DrawClients() {
  const int count = static_cast<int>(random_.Magnitude(1, 40));
  const auto pause = random_.Below(2) == 0 ? 0 : random_.Magnitude(1000, 100 * kMillisecond);
  const auto longest = static_cast<size_t>(random_.Magnitude(16, 64 << 10));
  for (int i = 0; i < count; ++i) {
    const auto any = static_cast<Character>(random_.Below(kCharacters));
    ReferenceClient::Plan plan{
        .character = random_.Below(2) == 0 ? Character::kPatient : any,
        .number = static_cast<uint32_t>(i),
        .exchanges = static_cast<int>(random_.Between(1, 20)),
        .longest_message = longest,
        .pause = pause,
        .socket = {},
    };
    if (random_.Below(4) == 0) {
      plan.socket.receive_buffer_bytes = static_cast<int>(random_.Magnitude(2 << 10, 64 << 10));
    }
    clients_.push_back(std::make_unique<ReferenceClient>(plan, random_.Fork()));
  }
  report_.drawn = absl::StrCat(
      options_.poller == PollerKind::kEpoll ? "epoll" : "edge epoll", ", ", options_.loops,
      " loops, ", options_.accept_mode == AcceptMode::kAcceptor ? "acceptor" : "reuse port", ", ",
      count, " clients");
}

// --- The run.

void Scenario::Main() {
  absl::StatusOr<std::unique_ptr<Engine>> started =
      Engine::Start(handler_, "tcp://127.0.0.1:0", options_);
  if (!started.ok()) return Violation(absl::StrCat("start: ", started.status().ToString()));
  std::unique_ptr<Engine> engine = *std::move(started);
  const SocketAddress address = engine->addresses()[0];
  std::vector<sys::Thread> threads;
  for (const auto& client : clients_) {
    threads.push_back(simulation_.StartProcess(absl::StrCat("client ", client->plan().number),
                                               [&client, address] { client->Run(address); }));
  }
  if (stop_.early) {
    (void)sys::Sleep(stop_.after);
    stopped_ = engine->Stop(stop_.grace);
  }
  for (const sys::Thread thread : threads) sys::JoinThread(thread);
  if (!stop_.early) stopped_ = engine->Stop(stop_.grace);

  Expect(handler_.shut_down(), "Stop has returned before OnShutdown");
  Expect(handler_.opened() == handler_.closed(), "a connection was opened and not closed");
  Expect(engine->connection_count() == 0, "a connection is counted after the stop");
  engine.reset();
  Expect(simulation_.thread_count() == 1, "a thread is left");
  Expect(simulation_.open_descriptors() == 0, "a descriptor is left");
}

// --- What must be true afterwards.

void Scenario::CheckClient(const ReferenceClient& client) {
  if (!client.violation().empty()) Violation(client.violation());
  report_.exchanges += static_cast<uint64_t>(client.exchanges());
  ++report_.reached[NameOf(client.plan().character)];
  const auto found = handler_.reasons().find(client.plan().number);
  if (found != handler_.reasons().end()) CheckReason(client, found->second);
  if (!client.orderly() || client.complete() || IsDisturbed()) return;
  // It was never served: the stop, or accept(2), came before.
  if (found == handler_.reasons().end() && (AcceptHasFailed() || stop_.early)) return;
  // It was, and then the stop came.
  if (found != handler_.reasons().end() && stop_.early) return;
  Violation(absl::StrCat("client ", client.plan().number, ", which is a ",
                         NameOf(client.plan().character), ", was not served to the end: ",
                         client.received(), " bytes have come back, ending ",
                         static_cast<int>(client.ending())));
}

void Scenario::CheckReason(const ReferenceClient& client, const absl::Status& reason) {
  if (reason.ok() || IsDisturbed()) return;
  // The server ends connections at a stop; what the client sends afterwards is answered by a RST.
  const bool reset_is_fair = !client.orderly();
  if (reset_is_fair && absl::IsUnavailable(reason)) return;
  // All may have come to the client, and its acknowledgement not yet to the server.
  if (stop_.grace < absl::Hours(1) && absl::IsCancelled(reason)) return;
  Violation(absl::StrCat("client ", client.plan().number, ", a ", NameOf(client.plan().character),
                         ", ended with ", reason.ToString()));
}

void Scenario::Summarize() {
  report_.trace_hash = simulation_.trace_hash();
  report_.elapsed = simulation_.elapsed();
  report_.calls = simulation_.calls();
  report_.connections = handler_.opened();
  auto& reached = report_.reached;
  for (size_t i = 0; i < kFaultCount; ++i) {
    reached[simulation::NameOf(static_cast<Fault>(i))] += simulation_.count(static_cast<Fault>(i));
  }
  reached["yield"] = handler_.yields();
  reached["peer's end"] = handler_.peer_shutdowns();
  reached["stop under load"] = stop_.early && handler_.opened() > 0 ? 1 : 0;
  reached["grace is over"] = absl::IsDeadlineExceeded(stopped_) ? 1 : 0;
  for (const auto& [client, reason] : handler_.reasons()) {
    ++reached[absl::StrCat("reason ", absl::StatusCodeToString(reason.code()))];
  }
}

}  // namespace

const std::vector<std::string>& MustBeReached() {
  static const auto* const names = [] {
    auto* const all = new std::vector<std::string>{
        "yield", "peer's end", "stop under load", "grace is over", "reason OK",
        "reason UNAVAILABLE", "reason CANCELLED"};
    for (size_t i = 0; i < kFaultCount; ++i) {
      all->push_back(simulation::NameOf(static_cast<Fault>(i)));
    }
    for (int i = 0; i < static_cast<int>(Character::kCount); ++i) {
      all->push_back(NameOf(static_cast<Character>(i)));
    }
    return all;
  }();
  return *names;
}

Report RunScenario(uint64_t seed, const Trace::Sink& sink) {
  return Scenario(seed, sink).Run();
}

}  // namespace rondo::simulation
