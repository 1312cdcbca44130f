// What to do to the server: which connections there are, how each behaves, and for how long.
//
// Every mode of the generator is a mix of a few roles. Ping-pong, pipelining and flooding are one
// role that differs in size and depth; thousands of idle connections beside a hundred busy ones are
// two.
#ifndef RONDO_BENCHMARKS_LOAD_PLAN_H_
#define RONDO_BENCHMARKS_LOAD_PLAN_H_

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "benchmarks/load/address.h"

namespace load {

enum class Pace {
  kClosedLoop,  // A reply allows the next message, `depth` of them are under way.
  kOnce,        // One message, then silence: an idle connection that is known to work.
  kScheduled,   // Messages leave when the clock says so, whether or not replies arrive.
};

struct Role {
  Pace pace = Pace::kClosedLoop;
  int connections = 0;
  uint32_t message_bytes = 64;
  uint32_t reply_bytes = 0;  // Of the fixed reply to each message (reply.h); 0: it comes back.
  uint32_t depth = 1;
  bool measured = true;  // Counted in messages and latencies; bytes are counted for all.
  // What comes back is counted, and dropped by the kernel unread: then the generator's CPU does not
  // limit how much a flood asks of the server.
  bool dropped = false;
  // Has the first thread to itself, at real-time priority where that is permitted: what is measured
  // is then the server's latency, and not how long a reply waits behind other replies here.
  bool alone = false;

  bool echo() const { return reply_bytes == 0; }
  // What comes back for each message.
  uint32_t bytes_back() const { return echo() ? message_bytes : reply_bytes; }
};

inline constexpr uint64_t kUnlimited = std::numeric_limits<uint64_t>::max();

struct Plan {
  std::string mode;
  Address address;
  std::vector<Role> roles;
  int threads = 1;
  uint64_t warmup_ns = 0;
  uint64_t duration_ns = 0;
  // Closed loop only: stop after this many messages, instead of by the clock.
  uint64_t messages = kUnlimited;
  // Scheduled only: messages a second over all connections.
  double rate = 0;
  // After the end, how long a reply that is due may take before it counts as lost.
  uint64_t drain_ns = 2'000'000'000;
  // How long nothing happens before the first message and after the last, while all connections are
  // open; then the server's memory is read.
  uint64_t rest_ns = 0;
  // The process whose CPU time and memory are reported; 0: none.
  int server_pid = 0;
};

// The share of thread `index` of `threads` in `total` things.
inline uint64_t ShareOf(uint64_t total, int index, int threads) {
  if (total == kUnlimited) return kUnlimited;
  return total / threads + (static_cast<uint64_t>(index) < total % threads ? 1 : 0);
}

// What a thread has of a role: one of so many equal parts, or with 0 parts nothing.
struct Part {
  int index = 0;
  int parts = 0;

  uint64_t Of(uint64_t total) const { return parts == 0 ? 0 : ShareOf(total, index, parts); }
};

// All threads share a role, unless one is alone: then that has the first, and the others share the
// rest. REQUIRES: more than one thread if a role is alone.
inline Part PartOf(const Plan& plan, const Role& role, int thread) {
  const auto alone = [](const Role& each) { return each.alone; };
  if (std::none_of(plan.roles.begin(), plan.roles.end(), alone)) return {thread, plan.threads};
  if (role.alone != (thread == 0)) return {};
  return role.alone ? Part{0, 1} : Part{thread - 1, plan.threads - 1};
}

}  // namespace load

#endif  // RONDO_BENCHMARKS_LOAD_PLAN_H_
