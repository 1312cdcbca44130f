#include "simulation/network/tcp_connection.h"

#include <sys/epoll.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "simulation/network/listener.h"
#include "simulation/network/network.h"

namespace rondo::simulation {
namespace {

using Kind = Segment::Kind;

// What Linux tells watchers: of input, of room, and of a change of state, which may be anything.
constexpr uint32_t kInput = EPOLLIN | EPOLLPRI | EPOLLRDNORM | EPOLLRDBAND;
constexpr uint32_t kRoom = EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND;
constexpr uint32_t kAnything = ~uint32_t{0};

Time Latency(Network& network) {
  const Conditions& conditions = network.conditions();
  return network.random().Between(conditions.latency_least, conditions.latency_most);
}

}  // namespace

TcpConnection::TcpConnection(Network& network, const Address& client, const Address& server)
    : network_(network),
      paths_{Path(network.clock(), *this, 0), Path(network.clock(), *this, 1)},
      latency_(Latency(network)),
      syn_timer_(*this, Side::kClient, &TcpConnection::SendSyn),
      ack_timers_{Timer(*this, Side::kClient, &TcpConnection::Acknowledge),
                  Timer(*this, Side::kServer, &TcpConnection::Acknowledge)} {
  end(Side::kClient).address = client;
  end(Side::kServer).address = server;
}

bool TcpConnection::done() const {
  return listener_ == nullptr && ends_[0].owner == nullptr && ends_[1].owner == nullptr &&
         paths_[0].idle() && paths_[1].idle();
}

void TcpConnection::SetBuffers(Side side, Buffers buffers) {
  // A window that was announced is not taken back.
  if (buffers.receive > end(side).buffers.receive) {
    end(side).to_credit += buffers.receive - end(side).buffers.receive;
  }
  end(side).buffers = buffers;
}

void TcpConnection::Dispatch(Side side, const Segment& segment) {
  Time delay = latency_ == 0 ? 0 : latency_ + network_.random().Between(0, latency_);
  if (network_.faults().Strikes(Fault::kLinkStall)) {
    delay += network_.faults().random().Between(1, network_.conditions().longest_stall);
  }
  paths_[static_cast<size_t>(PeerOf(side))].Send(segment, delay);
}

void TcpConnection::Deliver(int to, const Segment& segment) {
  const Side side = to == 0 ? Side::kClient : Side::kServer;
  switch (segment.kind) {
    case Kind::kSyn:
      return SynArrived();
    case Kind::kSynAck:
      return SynAckArrived();
    case Kind::kHandshakeAck:
      return HandshakeEnded();
    case Kind::kData:
      return DataArrived(side, segment.bytes);
    case Kind::kFin:
      return FinArrived(side);
    case Kind::kAck:
      return AckArrived(side, segment);
    case Kind::kReset:
      return ResetArrived(side);
  }
}

void TcpConnection::DeliverLater(int to, const Segment& segment) {
  Deliver(to, segment);
  network_.Reap(*this);
}

// --- Sending.

size_t TcpConnection::Room(const End& end) {
  const size_t used = end.unsent + end.unacknowledged;
  return used < end.buffers.send ? end.buffers.send - used : 0;
}

bool TcpConnection::IsWritable(const End& end) {
  const size_t room = Room(end);
  return room > 0 && room >= (end.unsent + end.unacknowledged) / 2;
}

bool TcpConnection::FeignFull(Side side) {
  End& own = end(side);
  if (own.state != State::kOpen || own.fin_wanted || own.unacknowledged == 0) return false;
  return own.is_full = true;
}

ssize_t TcpConnection::Send(Side side, const iovec* pieces, size_t count) {
  End& own = end(side);
  if (own.error != 0) return -TakeError(side);
  if (own.state == State::kConnecting) return -EAGAIN;
  if (own.state == State::kClosed || own.fin_wanted) return -EPIPE;
  size_t room = Room(own);
  size_t sent = 0;
  for (size_t i = 0; i < count; ++i) {
    const size_t length = std::min(room, pieces[i].iov_len);
    own.bytes.Append({static_cast<const char*>(pieces[i].iov_base), length});
    own.unsent += length;
    sent += length;
    room -= length;
    if (length < pieces[i].iov_len) own.is_full = true;
  }
  if (sent == 0 && own.is_full) return -EAGAIN;
  Transmit(side);
  return static_cast<ssize_t>(sent);
}

void TcpConnection::Transmit(Side side) {
  End& own = end(side);
  if (std::exchange(own.is_transmitting, true)) return;
  const Conditions& conditions = network_.conditions();
  while (own.state == State::kOpen && own.unsent > 0 && own.credit > 0) {
    if (network_.faults().Strikes(Fault::kOutsideReset)) {
      ResetFromOutside();
      break;
    }
    size_t length = std::min({own.unsent, own.credit, conditions.segment_bytes});
    if (conditions.cut_segments) {
      length = static_cast<size_t>(network_.random().Magnitude(1, static_cast<int64_t>(length)));
    }
    own.unsent -= length;
    own.in_flight += length;
    own.unacknowledged += length;
    own.credit -= length;
    if (own.to_acknowledge > 0) Acknowledge(side);
    Dispatch(side, {.kind = Kind::kData, .bytes = length});
  }
  if (own.state == State::kOpen && own.unsent == 0 && own.fin_wanted && !own.fin_sent) {
    own.fin_sent = true;
    Dispatch(side, {.kind = Kind::kFin});
  }
  own.is_transmitting = false;
}

size_t TcpConnection::Unacknowledged(Side side) const {
  const End& own = end(side);
  const bool fin = own.fin_wanted && !own.fin_acknowledged;
  return own.unsent + own.unacknowledged + (fin ? 1 : 0);
}

void TcpConnection::AckArrived(Side to, const Segment& segment) {
  End& own = end(to);
  own.unacknowledged -= segment.bytes;
  own.credit += segment.credit;
  if (segment.fin) own.fin_acknowledged = true;
  if (own.state != State::kOpen) return;
  Transmit(to);
  if (own.is_full && IsWritable(own)) {
    own.is_full = false;
    Notify(own, kRoom);
  }
  ConcludeIfFinished(to);
}

// --- Receiving.

size_t TcpConnection::Unread(Side side) const {
  const End& from = peer(side);
  return end(side).disconnected ? 0 : from.bytes.size() - from.in_flight - from.unsent;
}

ssize_t TcpConnection::Receive(Side side, char* into, size_t length) {
  End& own = end(side);
  if (const size_t unread = Unread(side); unread > 0) {
    const size_t taken = peer(side).bytes.Take(into, std::min(length, unread));
    own.to_credit += taken;
    // A window that has moved on by little is not worth a segment.
    const bool moved = own.to_credit >= own.buffers.receive / 2 || taken == unread;
    if (own.state == State::kOpen && moved) Acknowledge(side);
    return static_cast<ssize_t>(taken);
  }
  if (own.fin_received) return 0;
  if (own.error != 0) return -TakeError(side);
  if (own.disconnected) return -ENOTCONN;
  return own.state == State::kClosed ? 0 : -EAGAIN;
}

void TcpConnection::DataArrived(Side to, size_t bytes) {
  End& own = end(to);
  peer(to).in_flight -= bytes;
  if (own.state == State::kClosed) return;
  // It was closed, and so cannot take it.
  if (own.owner == nullptr && listener_ == nullptr) return SendReset(to);
  own.to_acknowledge += bytes;
  Notify(own, kInput);
  const Time longest = network_.conditions().acknowledgement_delay;
  const Time delay = longest == 0 ? 0 : network_.random().Between(0, longest);
  Timer& timer = ack_timers_[static_cast<size_t>(to)];
  if (delay == 0) {
    Acknowledge(to);
  } else if (!timer.scheduled()) {
    network_.clock().Schedule(timer, network_.clock().now() + delay);
  }
}

void TcpConnection::Acknowledge(Side side) {
  End& own = end(side);
  network_.clock().Cancel(ack_timers_[static_cast<size_t>(side)]);
  if (own.state != State::kOpen) return;
  Dispatch(side, {.kind = Kind::kAck,
                  .bytes = std::exchange(own.to_acknowledge, 0),
                  .credit = std::exchange(own.to_credit, 0)});
}

void TcpConnection::FinArrived(Side to) {
  End& own = end(to);
  if (own.state == State::kClosed) return;
  own.fin_received = true;
  network_.clock().Cancel(ack_timers_[static_cast<size_t>(to)]);
  // All that was sent before it has arrived.
  Dispatch(to, {.kind = Kind::kAck,
                .bytes = std::exchange(own.to_acknowledge, 0),
                .credit = std::exchange(own.to_credit, 0),
                .fin = true});
  ConcludeIfFinished(to);
  Notify(own, kAnything);
}

uint32_t TcpConnection::Poll(Side side) {
  End& own = end(side);
  const bool closed = own.state == State::kClosed && !own.disconnected;
  const bool no_input = own.fin_received || closed;
  const bool no_output = own.fin_wanted || closed;
  uint32_t events = own.error != 0 ? uint32_t{EPOLLERR} : 0;
  if ((no_input && no_output) || own.state == State::kClosed) events |= EPOLLHUP;
  if (no_input) events |= EPOLLIN | EPOLLRDNORM | EPOLLRDHUP;
  if (own.state == State::kConnecting) return events;
  if (Unread(side) > 0) events |= EPOLLIN | EPOLLRDNORM;
  if (no_output || IsWritable(own)) {
    events |= EPOLLOUT | EPOLLWRNORM;
  } else {
    own.is_full = true;
  }
  return events;
}

int TcpConnection::TakeError(Side side) {
  return std::exchange(end(side).error, 0);
}

// --- Ending.

int TcpConnection::ShutdownWrite(Side side) {
  End& own = end(side);
  if (own.state != State::kOpen) return -ENOTCONN;
  own.fin_wanted = true;
  Transmit(side);
  Notify(own, kAnything);
  return 0;
}

void TcpConnection::Disconnect(Side side) {
  End& own = end(side);
  if (own.state != State::kClosed) {
    SendReset(side);
    own.error = ECONNRESET;
  }
  own.disconnected = true;
  own.fin_received = false;
  Notify(own, kAnything);
}

void TcpConnection::Close(Side side, Closing how) {
  End& own = end(side);
  own.owner = nullptr;
  if (side == Side::kClient) network_.clock().Cancel(syn_timer_);
  if (own.state == State::kConnecting) {
    Conclude(side);
  } else if (own.state == State::kOpen) {
    if (how == Closing::kWithReset || Unread(side) > 0) {
      SendReset(side);
    } else {
      own.fin_wanted = true;
      Transmit(side);
    }
  }
  network_.Reap(*this);
}

void TcpConnection::SendReset(Side side) {
  Conclude(side);
  if (network_.faults().Strikes(Fault::kResetOvertakes)) {
    End& own = end(side);
    paths_[static_cast<size_t>(PeerOf(side))].Lose();
    own.bytes.Cut(std::exchange(own.in_flight, 0));
  }
  Dispatch(side, {.kind = Kind::kReset});
}

void TcpConnection::ResetArrived(Side to) {
  End& own = end(to);
  if (own.state == State::kClosed) return;
  const bool peer_had_ended = own.fin_received && !own.fin_wanted;
  own.error = own.state == State::kConnecting ? ECONNREFUSED
              : peer_had_ended                ? EPIPE
                                              : ECONNRESET;
  // During the handshake the listener's place is free again; an accepted one stays in the queue.
  if (to == Side::kServer && own.state == State::kConnecting && listener_ != nullptr) {
    std::exchange(listener_, nullptr)->Forget(*this);
  }
  Conclude(to);
  Notify(own, kAnything);
}

void TcpConnection::ResetFromOutside() {
  for (const Side side : {Side::kClient, Side::kServer}) {
    // As if the other end had sent it, with all that is on its way before it.
    if (!closed(side)) Dispatch(PeerOf(side), {.kind = Kind::kReset});
  }
}

void TcpConnection::Conclude(Side side) {
  End& own = end(side);
  own.state = State::kClosed;
  own.bytes.Cut(own.unsent);
  own.unsent = 0;
  network_.clock().Cancel(ack_timers_[static_cast<size_t>(side)]);
  if (side == Side::kClient) network_.clock().Cancel(syn_timer_);
}

void TcpConnection::ConcludeIfFinished(Side side) {
  if (end(side).fin_received && end(side).fin_acknowledged) Conclude(side);
}

}  // namespace rondo::simulation
