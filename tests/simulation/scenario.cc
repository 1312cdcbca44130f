#include "tests/simulation/scenario.h"

#include <cerrno>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"

#include "rondo/engine.h"

#include "simulation/simulation.h"
#include "sys/sys.h"
#include "tests/simulation/checked_echo.h"
#include "tests/simulation/plan.h"
#include "tests/simulation/promises.h"
#include "tests/simulation/reference_client.h"
#include "tests/simulation/visitor.h"

namespace rondo::simulation {
namespace {

class Scenario {
 public:
  Scenario(uint64_t seed, const Trace::Sink& sink)
      : plan_(seed),
        simulation_(plan_.random.Next(), plan_.conditions),
        handler_(plan_.style, promises_, plan_.random.Fork()) {
    report_.seed = seed;
    report_.drawn = plan_.Describe();
    simulation_.set_trace(sink);
    for (const ReferenceClient::Plan& client : plan_.clients) {
      clients_.push_back(
          std::make_unique<ReferenceClient>(client, plan_.greeting, plan_.random.Fork()));
    }
  }

  Report Run() {
    const absl::Status status = simulation_.Run([this] { Main(); });
    if (!status.ok()) {
      Violation(status.ToString());
      handler_.LeakAll();
    }
    if (start_.ok()) {
      for (const auto& client : clients_) CheckClient(*client);
    }
    for (const std::string& each : handler_.violations()) Violation(each);
    for (const std::string& each : promises_.Broken()) Violation(each);
    Summarize();
    return std::move(report_);
  }

 private:
  void Main();
  void Serve(Engine& engine);
  // Starts threads that are clients, and such that visit the server.
  std::vector<sys::Thread> StartClients(const SocketAddress& server);
  std::vector<sys::Thread> StartVisitors(Engine& engine);
  // When all that was wrong is over, one more client is served.
  void CheckItHasRecovered(const SocketAddress& server);
  // When nothing happens, nothing is done.
  void CheckItRests();
  void CheckClient(const ReferenceClient& client);
  // Whether it is no fault of the library that this client was not served to the end.
  bool IsExcused(const ReferenceClient& client) const;
  // Whether accept(2) may have left it out, or a timeout may have ended it unheard.
  bool MayBeTurnedAway() const;
  bool WasWaitingAtTheStop(const ReferenceClient& client) const;
  void CheckReason(const ReferenceClient& client, const absl::Status& reason);
  void Summarize();

  void Violation(std::string text) { report_.violations.push_back(std::move(text)); }
  void Expect(bool holds, const char* text) {
    if (!holds) Violation(text);
  }
  bool HasStruck(Fault fault) const { return simulation_.count(fault) > 0; }

  Plan plan_;
  Simulation simulation_;
  Promises promises_;
  CheckedEcho handler_;
  std::vector<std::unique_ptr<ReferenceClient>> clients_;
  int64_t stop_began_ = 0;
  absl::Status start_;
  absl::Status stopped_ = absl::UnknownError("not stopped");
  Report report_;
};

// --- The run.

void Scenario::Main() {
  simulation_.WriteFile(plan_.style.greeting_path, plan_.greeting);
  if (plan_.descriptors_at_start) simulation_.set_descriptor_limit(*plan_.descriptors_at_start);
  absl::StatusOr<std::unique_ptr<Engine>> engine =
      Engine::Start(handler_, "tcp://127.0.0.1:0", plan_.options);
  simulation_.set_descriptor_limit(plan_.conditions.descriptor_limit);
  if (engine.ok()) {
    Serve(**engine);
  } else {
    start_ = engine.status();
    if (!plan_.may_not_start) Violation(absl::StrCat("start: ", start_.ToString()));
  }
  handler_.LetGo();
  engine = absl::UnknownError("ended");
  Expect(simulation_.thread_count() == 1, "a thread is left");
  Expect(simulation_.open_descriptors() == 0, "a descriptor is left");
}

void Scenario::Serve(Engine& engine) {
  const SocketAddress address = engine.addresses()[0];
  if (plan_.spare_descriptors) {
    simulation_.set_descriptor_limit(simulation_.open_descriptors() + *plan_.spare_descriptors);
  }
  const std::vector<sys::Thread> clients = StartClients(address);
  const std::vector<sys::Thread> visitors = StartVisitors(engine);
  if (plan_.stop_after) {
    (void)sys::Sleep(*plan_.stop_after);
    stop_began_ = sys::Now();
    stopped_ = engine.Stop(plan_.grace);
  }
  for (const sys::Thread thread : clients) sys::JoinThread(thread);
  if (!plan_.stop_after) {
    CheckItHasRecovered(address);
    CheckItRests();
    stopped_ = engine.Stop(plan_.grace);
  }
  for (const sys::Thread thread : visitors) sys::JoinThread(thread);

  Expect(handler_.shut_down(), "Stop has returned before OnShutdown");
  Expect(handler_.opened() == handler_.closed(), "a connection was opened and not closed");
  Expect(engine.connection_count() == 0, "a connection is counted after the stop");
}

std::vector<sys::Thread> Scenario::StartClients(const SocketAddress& server) {
  std::vector<sys::Thread> threads;
  for (const auto& client : clients_) {
    threads.push_back(simulation_.StartProcess(absl::StrCat("client ", client->plan().number),
                                               [&client, server] { client->Run(server); }));
  }
  return threads;
}

std::vector<sys::Thread> Scenario::StartVisitors(Engine& engine) {
  constexpr int kVisits = 30;
  std::vector<sys::Thread> threads;
  for (int i = 0; i < plan_.visitors; ++i) {
    const auto visit = [this, &engine, random = plan_.random.Fork()] {
      Visitor(engine, handler_, promises_, random).Run(kVisits);
    };
    sys::Thread thread;
    if (sys::StartThread(absl::StrCat("visitor ", i), visit, &thread) == 0) {
      threads.push_back(thread);
    }
  }
  return threads;
}

void Scenario::CheckItHasRecovered(const SocketAddress& server) {
  simulation_.EndFaults();
  ReferenceClient::Plan plan{.character = ReferenceClient::Character::kPatient,
                             .number = static_cast<uint32_t>(clients_.size()),
                             .exchanges = 3,
                             .longest_message = 1000,
                             .delay = 0,
                             .pause = 0,
                             .socket = {}};
  ReferenceClient last(plan, plan_.greeting, plan_.random.Fork());
  // What the others left behind is taken in first, and accepting may pause for a second.
  (void)sys::Sleep(5'000'000'000);
  sys::JoinThread(simulation_.StartProcess("last client", [&] { last.Run(server); }));
  // For its socket, and the file that it gets.
  const size_t needed = plan_.greeting.empty() ? 1 : 2;
  if (plan_.spare_descriptors && *plan_.spare_descriptors < needed) return;
  if (plan_.may_time_out()) return;
  Expect(last.complete(), "when all was over, one more was not served");
}

void Scenario::CheckItRests() {
  // Timers that were set run out, and workers that nothing is for end.
  (void)sys::Sleep(60'000'000'000);
  const uint64_t before = simulation_.calls();
  (void)sys::Sleep(int64_t{3600} * 1'000'000'000);
  Expect(simulation_.calls() - before < 10, "an idle server makes calls");
}

// --- What must be true afterwards.

void Scenario::CheckClient(const ReferenceClient& client) {
  if (!client.violation().empty()) Violation(client.violation());
  report_.exchanges += static_cast<uint64_t>(client.exchanges());
  ++report_.reached[NameOf(client.plan().character)];
  const uint32_t number = client.plan().number;
  const std::string who = absl::StrCat("client ", number, ", a ", NameOf(client.plan().character));
  const auto found = handler_.reasons().find(number);
  if (found != handler_.reasons().end()) CheckReason(client, found->second);
  if (client.orderly() && !client.complete() && !IsExcused(client)) {
    Violation(absl::StrCat(who, ", was not served to the end: ", client.received(),
                           " bytes have come back, ending ", static_cast<int>(client.ending())));
  }
  // What the handler wrote came, however the connection was ended in order.
  const auto written = handler_.written().find(number);
  if (!client.has_read_all() || written == handler_.written().end() || !found->second.ok()) return;
  if (HasStruck(Fault::kOutsideReset) || client.received() == written->second) return;
  Violation(absl::StrCat(who, ", got ", client.received(), " of ", written->second,
                         " bytes that were written to it, and its end was in order"));
}

bool Scenario::IsExcused(const ReferenceClient& client) const {
  if (HasStruck(Fault::kOutsideReset)) return true;
  // A short backlog was full whenever it tried.
  if (client.connect_error() == ETIMEDOUT && plan_.options.backlog < 40) return true;
  const auto found = handler_.reasons().find(client.plan().number);
  const bool was_served = found != handler_.reasons().end();
  if (!was_served && MayBeTurnedAway()) return true;
  // The stop came while it was served. Or before: those that wait in the backlog are accepted.
  if (plan_.stop_after) return was_served || !WasWaitingAtTheStop(client);
  return was_served && absl::IsDeadlineExceeded(found->second);
}

bool Scenario::MayBeTurnedAway() const {
  return plan_.spare_descriptors || HasStruck(Fault::kAcceptAborted) ||
         HasStruck(Fault::kAcceptNoDescriptors) || handler_.reached().contains("timeout");
}

bool Scenario::WasWaitingAtTheStop(const ReferenceClient& client) const {
  // With a limit some stay in the backlog; and its first bytes come a little later.
  const int64_t arrived = client.spoke_at() + 4 * plan_.conditions.latency_most + 10'000'000;
  const bool limited = plan_.options.max_connections < clients_.size();
  return client.spoke_at() > 0 && arrived < stop_began_ && !limited &&
         plan_.grace_is_long() && !HasStruck(Fault::kLinkStall);
}

void Scenario::CheckReason(const ReferenceClient& client, const absl::Status& reason) {
  if (reason.ok() || HasStruck(Fault::kOutsideReset)) return;
  if (absl::IsUnavailable(reason) && !client.orderly()) return;
  // All may have come to the client, and its acknowledgement not yet to the server.
  if (absl::IsCancelled(reason) && !plan_.grace_is_long()) return;
  if (absl::IsDeadlineExceeded(reason) && plan_.may_time_out()) return;
  // Of what waits for a handler that has paused reading the kernel counts the bytes, and no FIN.
  if (absl::IsDeadlineExceeded(reason) && plan_.style.pauses && client.complete()) return;
  Violation(absl::StrCat("client ", client.plan().number, ", a ", NameOf(client.plan().character),
                         ", ended with ", reason.ToString()));
}

void Scenario::Summarize() {
  report_.trace_hash = simulation_.trace_hash();
  report_.elapsed = simulation_.elapsed();
  report_.calls = simulation_.calls();
  report_.connections = handler_.opened();
  auto& reached = report_.reached;
  for (const auto& [what, times] : handler_.reached()) reached[what] += times;
  for (size_t i = 0; i < kFaultCount; ++i) {
    reached[NameOf(static_cast<Fault>(i))] += simulation_.count(static_cast<Fault>(i));
  }
  reached["start fails"] = start_.ok() ? 0 : 1;
  reached["promise"] = promises_.made();
  reached["stop under load"] = plan_.stop_after && handler_.opened() > 0 ? 1 : 0;
  reached["grace is over"] = absl::IsDeadlineExceeded(stopped_) ? 1 : 0;
  for (const auto& [client, reason] : handler_.reasons()) {
    ++reached[absl::StrCat("reason ", absl::StatusCodeToString(reason.code()))];
  }
}

}  // namespace

const std::vector<std::string>& MustBeReached() {
  static const auto* const names = [] {
    auto* const all = new std::vector<std::string>{
        "yield",           "pause",         "offload",         "writable again",
        "peer's end",      "timeout",       "promise",         "stop under load",
        "file",            "start fails",
        "grace is over",   "reason OK",     "reason CANCELLED", "reason UNAVAILABLE",
        "reason DEADLINE_EXCEEDED"};
    for (size_t i = 0; i < kFaultCount; ++i) all->push_back(NameOf(static_cast<Fault>(i)));
    for (int i = 0; i < static_cast<int>(ReferenceClient::Character::kCount); ++i) {
      all->push_back(NameOf(static_cast<ReferenceClient::Character>(i)));
    }
    return all;
  }();
  return *names;
}

Report RunScenario(uint64_t seed, const Trace::Sink& sink) {
  return Scenario(seed, sink).Run();
}

}  // namespace rondo::simulation
