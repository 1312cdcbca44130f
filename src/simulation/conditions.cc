#include "simulation/conditions.h"

namespace rondo::simulation {
namespace {

constexpr Time kMicrosecond = 1'000;
constexpr Time kMillisecond = 1'000'000;
constexpr Time kSecond = 1'000'000'000;

// In a million, where it is switched on: from rare to one time in five.
uint32_t Frequency(Random& random) { return static_cast<uint32_t>(random.Magnitude(500, 200'000)); }

}  // namespace

const char* NameOf(Fault fault) {
  switch (fault) {
    case Fault::kShortReceive:
      return "short receive";
    case Fault::kShortSend:
      return "short send";
    case Fault::kSendFull:
      return "send finds no room";
    case Fault::kSendNoMemory:
      return "send finds no memory";
    case Fault::kInterruptedWait:
      return "interrupted wait";
    case Fault::kEarlyWake:
      return "early wake";
    case Fault::kAcceptNoDescriptors:
      return "accept finds no descriptor";
    case Fault::kAcceptAborted:
      return "accept finds an aborted connection";
    case Fault::kPreemption:
      return "preemption";
    case Fault::kThreadStall:
      return "stall of a thread";
    case Fault::kStall:
      return "stall of the machine";
    case Fault::kLinkStall:
      return "stall of a link";
    case Fault::kResetOvertakes:
      return "reset that overtakes";
    case Fault::kOutsideReset:
      return "reset from outside";
    case Fault::kCount:
      break;
  }
  return "none";
}

Conditions Conditions::FromSeed(Random& random) {
  Conditions drawn;
  const auto one_in = [&](uint64_t n) { return random.Below(n) == 0; };
  if (!one_in(4)) {
    drawn.latency_least = random.Magnitude(kMicrosecond, 20 * kMillisecond);
    drawn.latency_most = drawn.latency_least * random.Between(1, 20);
  }
  drawn.segment_bytes = static_cast<size_t>(random.Magnitude(64, 64 << 10));
  drawn.cut_segments = one_in(2);
  if (one_in(2)) drawn.acknowledgement_delay = random.Magnitude(kMicrosecond, 40 * kMillisecond);
  drawn.send_buffer_bytes = static_cast<size_t>(random.Magnitude(2 << 10, 1 << 20));
  drawn.receive_buffer_bytes = static_cast<size_t>(random.Magnitude(1 << 10, 256 << 10));
  drawn.call_cost = random.Magnitude(50, 5 * kMicrosecond);
  if (one_in(2)) drawn.timer_slack = 50 * kMicrosecond;
  drawn.longest_stall = random.Magnitude(kMillisecond, 5 * kSecond);
  for (uint32_t& fault : drawn.faults) {
    if (one_in(3)) fault = Frequency(random);
  }
  // What happens once to a machine or a connection must stay rare, or nothing else ever happens.
  drawn.of(Fault::kStall) /= 200;
  drawn.of(Fault::kThreadStall) /= 100;
  drawn.of(Fault::kLinkStall) /= 20;
  drawn.of(Fault::kOutsideReset) /= 200;
  return drawn;
}

}  // namespace rondo::simulation
