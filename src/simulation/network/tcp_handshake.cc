// How a TcpConnection begins: SYN, SYN-ACK, ACK, and the backlog of the listener.

#include <cerrno>

#include "simulation/network/listener.h"
#include "simulation/network/network.h"
#include "simulation/network/tcp_connection.h"

namespace rondo::simulation {
namespace {

using Kind = Segment::Kind;

// A change of state, which may be anything.
constexpr uint32_t kAnything = ~uint32_t{0};

constexpr Time kFirstSynTimeout = 1'000'000'000;
// Clients of different machines do not try again all at once.
constexpr Time kSynJitter = 4'000'000;
constexpr int kMostSyns = 7;

}  // namespace

void TcpConnection::Begin(EndOwner& owner, Buffers buffers) {
  end(Side::kClient).owner = &owner;
  end(Side::kClient).buffers = buffers;
  SendSyn(Side::kClient);
}

void TcpConnection::SendSyn(Side client) {
  if (syns_sent_ == kMostSyns) {
    end(client).error = ETIMEDOUT;
    Conclude(client);
    return Notify(end(client), kAnything);
  }
  const Time timeout = (kFirstSynTimeout << syns_sent_) + network_.random().Between(0, kSynJitter);
  network_.clock().Schedule(syn_timer_, network_.clock().now() + timeout);
  ++syns_sent_;
  Dispatch(client, {.kind = Kind::kSyn});
}

void TcpConnection::SynArrived() {
  Listener* const listener = network_.FindListener(end(Side::kServer).address);
  if (listener_ != nullptr || end(Side::kServer).state != State::kConnecting) return;
  if (listener == nullptr) return Dispatch(Side::kServer, {.kind = Kind::kReset});
  if (listener->full()) return;
  listener_ = listener;
  listener->Begin(*this);
  end(Side::kServer).buffers = listener->buffers();
  end(Side::kClient).credit = end(Side::kServer).buffers.receive;
  end(Side::kServer).credit = end(Side::kClient).buffers.receive;
  Dispatch(Side::kServer, {.kind = Kind::kSynAck});
}

void TcpConnection::SynAckArrived() {
  End& client = end(Side::kClient);
  if (client.state == State::kClosed) return Dispatch(Side::kClient, {.kind = Kind::kReset});
  if (client.state != State::kConnecting) return;
  network_.clock().Cancel(syn_timer_);
  client.state = State::kOpen;
  Dispatch(Side::kClient, {.kind = Kind::kHandshakeAck});
  Notify(client, kAnything);
}

void TcpConnection::HandshakeEnded() {
  End& server = end(Side::kServer);
  // The listener has gone meanwhile, and has sent a RST.
  if (server.state != State::kConnecting) return;
  server.state = State::kOpen;
  listener_->Complete(*this);
}

void TcpConnection::Refuse() {
  listener_ = nullptr;
  if (!closed(Side::kServer)) SendReset(Side::kServer);
  network_.Reap(*this);
}

void TcpConnection::Accepted(EndOwner& owner) {
  listener_ = nullptr;
  end(Side::kServer).owner = &owner;
}

}  // namespace rondo::simulation
