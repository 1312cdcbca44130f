// An Acceptor takes connections from one listener and hands them on. It lives on one loop, which
// owns it; loop thread only.
//
// What accept(2) fails with decides what happens: a connection that died in the queue is skipped.
// Any other error, and one of a connection that comes too many times in a row, may last: accepting
// pauses for a moment, rather than spin on a listener that stays readable, and the log says so
// once, and once when it is over. A descriptor kept in reserve lets it at least reject the peers
// that wait when the table is full: they learn at once, and do not hang.
//
// The engine admits each newcomer, or has it reset, or has it wait: then accepting pauses, too, and
// those behind it wait in the backlog.

#ifndef RONDO_STREAM_ACCEPT_ACCEPTOR_H_
#define RONDO_STREAM_ACCEPT_ACCEPTOR_H_

#include <array>
#include <cstdint>
#include <functional>

#include "base/on_loop.h"
#include "net/socket.h"
#include "poll/poller.h"
#include "reactor/loop_services.h"
#include "reactor/limits/newcomer.h"
#include "rondo/socket_address.h"
#include "rondo/unique_fd.h"

namespace rondo::stream {

class Acceptor final : public poll::Endpoint, public reactor::Timer {
 public:
  static constexpr poll::EndpointKind kKind = poll::EndpointKind::kListener;

  // Where accepted sockets go, once they are admitted. On the acceptor's loop.
  using Deliver = std::function<void(UniqueFd socket, const SocketAddress& peer)>;

  // `index` is that of its slot, `backlog` that of the listener.
  Acceptor(net::Listener listener, uint32_t index, int backlog,
           const reactor::LoopServices& services, Deliver deliver);
  ~Acceptor() = default;

  // Begins. Returns 0 or a negated errno.
  int Start() RONDO_ON_LOOP;
  // Takes what is left in the backlog, up to what the engine admits, and closes the listener.
  void Stop() RONDO_ON_LOOP;
  // The engine may admit newcomers again, or a pause is over. Whether the one that waited was
  // admitted.
  bool Resume() RONDO_ON_LOOP;

  // From the poller: a peer waits in the backlog, or accepting fails.
  poll::More OnReady() RONDO_ON_LOOP;

  bool stopped() const { return !listener_.fd; }
  // The listener and its reserve, -1 where there is none: Stop closes both. Before the loop runs.
  std::array<int, 2> descriptors() const { return {listener_.fd.get(), reserve_.get()}; }
  const SocketAddress& address() const { return listener_.address; }

 private:
  enum class AcceptError { kOfConnection, kNoDescriptors, kListenerBroken, kLasting };
  static AcceptError AcceptErrorOf(int error);

  poll::EndpointRef ref() { return {*this, id_}; }
  // Accepts one connection and hands it on. Returns 0 or the negated errno.
  int AcceptOne() RONDO_ON_LOOP;
  // Does with the newcomer what the engine says; false while it must wait.
  bool Admit() RONDO_ON_LOOP;
  void RefuseWaiting() RONDO_ON_LOOP;
  // Whether more peers may wait.
  poll::More OnError(int error) RONDO_ON_LOOP;
  void LogError(AcceptError kind, int error);
  void LogSuccess();
  // Has the poller report peers that wait; without memory for that, after a pause.
  void Watch() RONDO_ON_LOOP;
  // Whether connections may be accepted now.
  bool accepting() const { return !waiting_ && !scheduled(); }
  void PauseFor(reactor::Tick ticks) RONDO_ON_LOOP;
  // Accepts and closes what waits, with the reserve descriptor. kNo: nothing waits any more.
  poll::More RejectWaiting() RONDO_ON_LOOP;

  net::Listener listener_;
  const poll::EndpointId id_;
  const int backlog_;
  reactor::EngineLink& engine_;
  reactor::Clock& clock_;
  poll::Poller& poller_;
  reactor::LoopMeter& meter_;
  const Deliver deliver_;
  UniqueFd reserve_;
  // Accepted, and not admitted yet; `newcomer_` is about it. While there is one, the timer is the
  // time to ask again.
  UniqueFd waiting_;
  reactor::Newcomer newcomer_;
  // Errors of connections since the last one that was accepted, or the last pause.
  int skipped_ = 0;
  // The log says that accepting fails, and not yet that it works again.
  bool is_logged_ = false;
};

}  // namespace rondo::stream

#endif  // RONDO_STREAM_ACCEPT_ACCEPTOR_H_
