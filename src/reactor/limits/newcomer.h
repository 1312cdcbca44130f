// A newcomer is a connection that an acceptor has accepted and the engine has not admitted yet. The
// engine says what becomes of it: EngineLink::Admit. An acceptor has one at a time, and keeps it
// until it is admitted; the others wait in the backlog.

#ifndef RONDO_REACTOR_LIMITS_NEWCOMER_H_
#define RONDO_REACTOR_LIMITS_NEWCOMER_H_

#include "reactor/timer_wheel.h"
#include "reactor/waiting_line.h"
#include "rondo/socket_address.h"

namespace rondo::reactor {

enum class Admission {
  // Its place is given back by ReleaseConnection, once it has ended.
  kAdmitted,
  // It is in the engine's line from then on, and must be there until it is admitted, or until
  // Withdraw. It asks again at `ask_again`, and whenever the engine has the loop resume accepting.
  kMustWait,
  // It must be reset. The log says why.
  kRefused,
};

struct Newcomer {
  SocketAddress peer;
  // The acceptor stops, and does not wait for what only takes time.
  bool is_last = false;

  // The engine's.
  Tick ask_again = kNever;
  WaitingLine::Waiter in_line;
  // It counts as a connection of its source.
  bool is_counted = false;
};

}  // namespace rondo::reactor

#endif  // RONDO_REACTOR_LIMITS_NEWCOMER_H_
