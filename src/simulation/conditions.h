// Conditions are what a simulated world is like: its machine, its network, and which faults strike
// how often. Calm is a machine with nothing else to do and its loopback interface: nothing takes
// time and nothing fails. FromSeed draws a world by swarm testing: each fault and delay is switched
// off in many worlds and frequent in some, because faults hide each other; so a thousand worlds
// together find more than one in which everything happens.

#ifndef RONDO_SIMULATION_CONDITIONS_H_
#define RONDO_SIMULATION_CONDITIONS_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "simulation/clock/clock.h"
#include "simulation/random.h"

namespace rondo::simulation {

enum class Fault {
  // A call moves fewer bytes than it could.
  kShortReceive,
  kShortSend,
  // A send finds no room, or no memory, although there is some.
  kSendFull,
  kSendNoMemory,
  // A wait for events ends early, by a signal, and one for a word for no reason.
  kInterruptedWait,
  kEarlyWake,
  // accept4(2): the table of the process, or of the machine, is full; the connection has gone.
  kAcceptNoDescriptors,
  kAcceptAborted,
  // Another thread runs before the call does its work.
  kPreemption,
  // The same, and it goes on only after a while. Of the first process alone: what is said of the
  // others' time stays true.
  kThreadStall,
  // The whole machine stops for a while, and finds that time has passed.
  kStall,
  // A segment of a connection is held up, and all behind it.
  kLinkStall,
  // A RST comes before the data that was sent ahead of it and lost: that is sent no more.
  kResetOvertakes,
  // A RST from outside, such as a firewall's, hits both ends of a connection.
  kOutsideReset,
  kCount,
};
inline constexpr size_t kFaultCount = static_cast<size_t>(Fault::kCount);
// "short receive".
const char* NameOf(Fault fault);

struct Conditions {
  // --- The network.

  // How long a segment travels: each connection has its own least time, and each segment takes up
  // to twice that.
  Time latency_least = 0;
  Time latency_most = 0;
  // The longest segment; with `cut_segments` each is as long as chance has it.
  size_t segment_bytes = 64 << 10;
  bool cut_segments = false;
  // How long an acknowledgement may be held back (40 ms on Linux).
  Time acknowledgement_delay = 0;
  // Payload that a socket's buffers hold unless options say otherwise.
  size_t send_buffer_bytes = 1 << 20;
  size_t receive_buffer_bytes = 64 << 10;

  // --- The machine.

  // What a system call takes.
  Time call_cost = 1000;
  // How much later than asked for a wait may end (50 us on Linux).
  Time timer_slack = 0;
  Time longest_stall = 0;
  int cpus = 4;
  // Of each process: RLIMIT_NOFILE.
  size_t descriptor_limit = 20'000;
  // Of the machine.
  size_t thread_limit = 4096;

  // How often each of them strikes, in a million occasions.
  std::array<uint32_t, kFaultCount> faults = {};

  uint32_t& of(Fault fault) { return faults[static_cast<size_t>(fault)]; }
  uint32_t of(Fault fault) const { return faults[static_cast<size_t>(fault)]; }

  static Conditions Calm() { return {}; }
  static Conditions FromSeed(Random& random);
};

}  // namespace rondo::simulation

#endif  // RONDO_SIMULATION_CONDITIONS_H_
