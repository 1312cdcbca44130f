// `load`: the client of every benchmark. Opens connections to a server, keeps them as busy as the
// mode says, checks every byte that comes back, and prints one JSON line.
#include <algorithm>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"

#include "benchmarks/load/broadcast.h"
#include "benchmarks/load/churn.h"
#include "benchmarks/load/clock.h"
#include "benchmarks/load/fatal.h"
#include "benchmarks/load/modes.h"
#include "benchmarks/load/plan.h"
#include "benchmarks/load/rendezvous.h"
#include "benchmarks/load/report.h"
#include "benchmarks/load/server_process.h"
#include "benchmarks/load/worker.h"

ABSL_FLAG(std::string, address, "", "the server: tcp://127.0.0.1:PORT or unix:///path");
ABSL_FLAG(std::string, mode, "ping", load::ModesHelp());
ABSL_FLAG(int, connections, 64, "connections in all");
ABSL_FLAG(int, active, 0, "hold: how many of them are busy");
ABSL_FLAG(int, size, 64, "bytes of a message");
ABSL_FLAG(int, reply_size, 0, "bytes of the server's answer to each; 0: it is an echo");
ABSL_FLAG(int, depth, 1, "messages under way on each connection");
ABSL_FLAG(double, rate, 0, "rate, flood: messages a second over all connections");
ABSL_FLAG(int, threads, 1, "threads, each with its own descriptors and ring; flood: and one more");
ABSL_FLAG(double, seconds, 1, "length of the measuring window");
ABSL_FLAG(double, warmup, 0.3, "seconds before it");
ABSL_FLAG(double, drain, 2, "seconds after it in which replies that are due must come");
ABSL_FLAG(double, rest, 0, "broadcast: seconds without messages, before and after");
ABSL_FLAG(uint64_t, messages, 0, "end after this many messages instead of by the clock");
ABSL_FLAG(int, server_pid, 0, "process whose CPU time and memory to report");

namespace load {
namespace {

uint64_t Nanoseconds(double seconds) {
  return static_cast<uint64_t>(seconds * 1e9);
}

Plan PlanFromFlags() {
  auto address = ParseAddress(absl::GetFlag(FLAGS_address));
  if (!address.ok()) Die(std::string(address.status().message()));
  ModeRequest request = {.mode = absl::GetFlag(FLAGS_mode),
                         .connections = absl::GetFlag(FLAGS_connections),
                         .active = absl::GetFlag(FLAGS_active),
                         .message_bytes = absl::GetFlag(FLAGS_size),
                         .reply_bytes = absl::GetFlag(FLAGS_reply_size),
                         .depth = absl::GetFlag(FLAGS_depth),
                         .rate = absl::GetFlag(FLAGS_rate)};
  auto roles = RolesOf(request);
  if (!roles.ok()) Die(std::string(roles.status().message()));
  if (request.mode == "broadcast" && absl::GetFlag(FLAGS_threads) != 1) {
    Die("--threads: expected 1 with --mode=broadcast");
  }
  uint64_t messages = absl::GetFlag(FLAGS_messages);
  const int threads = std::clamp(absl::GetFlag(FLAGS_threads), 1, 256);
  return {.mode = request.mode,
          .address = *address,
          .roles = *roles,
          .threads = threads + (roles->front().alone ? 1 : 0),
          .warmup_ns = Nanoseconds(absl::GetFlag(FLAGS_warmup)),
          .duration_ns = Nanoseconds(absl::GetFlag(FLAGS_seconds)),
          .messages = messages == 0 ? kUnlimited : messages,
          .rate = request.rate,
          .drain_ns = Nanoseconds(absl::GetFlag(FLAGS_drain)),
          .rest_ns = Nanoseconds(absl::GetFlag(FLAGS_rest)),
          .server_pid = absl::GetFlag(FLAGS_server_pid)};
}

void SleepUntil(uint64_t time) {
  uint64_t now = Now();
  if (time > now) std::this_thread::sleep_for(std::chrono::nanoseconds(time - now));
}

Report Execute(const Plan& plan) {
  Report report;
  report.before_connections = ReadServerUsage(plan.server_pid);
  auto work = plan.mode == "churn"       ? Churn::Work
              : plan.mode == "broadcast" ? Broadcast::Work
                                         : Worker::Work;
  Rendezvous rendezvous(plan.threads);
  std::vector<Tally> tallies(plan.threads);
  std::vector<std::thread> threads;
  uint64_t begin = Now();
  for (int i = 0; i < plan.threads; ++i) {
    threads.emplace_back([&, i] { tallies[i] = work(plan, i, rendezvous); });
  }
  rendezvous.AwaitConnections();
  report.connect_seconds = static_cast<double>(Now() - begin) / 1e9;
  SleepUntil(Now() + plan.rest_ns);
  report.rested_before = ReadServerUsage(plan.server_pid);
  uint64_t connected = Now();

  bool by_clock = plan.messages == kUnlimited;
  Window window;
  if (by_clock) {
    window.begin_ns = connected + plan.warmup_ns;
    window.end_ns = window.begin_ns + plan.duration_ns;
  } else {
    window = {connected, kUnlimited};
  }
  rendezvous.OpenWindow(window);
  SleepUntil(window.begin_ns);
  report.at_begin = ReadServerUsage(plan.server_pid);
  if (by_clock) {
    SleepUntil(window.end_ns);
    report.at_end = ReadServerUsage(plan.server_pid);
  }
  if (by_clock && plan.rest_ns > 0) {
    SleepUntil(Now() + plan.rest_ns);
    report.rested_after = ReadServerUsage(plan.server_pid);
  }
  for (std::thread& thread : threads) thread.join();
  if (!by_clock) {
    report.at_end = ReadServerUsage(plan.server_pid);
    window.end_ns = Now();
  }
  report.seconds = static_cast<double>(window.end_ns - window.begin_ns) / 1e9;
  for (const Tally& tally : tallies) report.tally.Merge(tally);
  return report;
}

}  // namespace
}  // namespace load

int main(int argc, char** argv) {
  absl::SetProgramUsageMessage("load --address=tcp://127.0.0.1:PORT [--mode=ping] [flags]");
  absl::ParseCommandLine(argc, argv);
  load::Plan plan = load::PlanFromFlags();
  load::Report report = load::Execute(plan);
  std::fputs(load::ToText(plan, report).c_str(), stderr);
  std::puts(load::ToJson(plan, report).c_str());
  return report.tally.errors == 0 ? 0 : 1;
}
