// A TcpConnection is a TCP connection: two ends, each with a send buffer, a receive window and a
// state, and a path in each direction. It does what Linux does (net/ipv4/tcp*.c) where a program
// can tell the difference:
//
//   - What was written is sent as the peer's window allows, and counts against the send buffer
//     until it is acknowledged. Room is reported once a third of the buffer is free.
//   - shutdown(2) sends a FIN behind all that was written; a FIN does not end the other direction.
//   - close(2) with something unread, or a linger of zero, sends a RST and drops what was not sent;
//     otherwise it is a FIN, and what was written still goes out. What arrives at a closed end is
//     answered by a RST.
//   - A RST ends both directions at once: EPIPE where the peer's FIN had come before and this end
//     had sent none, ECONNRESET elsewhere. What had arrived can still be received.
//
// Not simulated: loss (and so retransmission and keep-alive), urgent data, TIME_WAIT, MSG_ZEROCOPY,
// TCP Fast Open. The Network owns it; it ends when no socket has an end of it and nothing travels.

#ifndef RONDO_SIMULATION_NETWORK_TCP_CONNECTION_H_
#define RONDO_SIMULATION_NETWORK_TCP_CONNECTION_H_

#include <sys/types.h>
#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <list>

#include "simulation/clock/clock.h"
#include "simulation/network/address.h"
#include "simulation/network/byte_queue.h"
#include "simulation/network/path.h"
#include "simulation/network/segment.h"

namespace rondo::simulation {

class Network;
class Listener;

enum class Side { kClient = 0, kServer = 1 };

// Who has an end of a connection: a socket.
class EndOwner {
 public:
  // As Watcher::Notify.
  virtual void EndChanged(uint32_t events) = 0;

 protected:
  ~EndOwner() = default;
};

class TcpConnection final : private Receiver {
 public:
  // Payload that the buffers of an end hold.
  struct Buffers {
    size_t send;
    size_t receive;
  };

  TcpConnection(Network& network, const Address& client, const Address& server);
  TcpConnection(const TcpConnection&) = delete;
  TcpConnection& operator=(const TcpConnection&) = delete;

  const Address& address(Side side) const { return end(side).address; }
  // Where the network keeps it.
  using Place = std::list<TcpConnection>::iterator;
  Place place() const { return place_; }
  void set_place(Place place) { place_ = place; }
  // Whether nothing can be done to it and nothing will happen to it any more.
  bool done() const;
  void SetBuffers(Side side, Buffers buffers);

  // --- The handshake.

  // The client's socket connects.
  void Begin(EndOwner& owner, Buffers buffers);
  // The listener has gone before its socket was accepted.
  void Refuse();
  // The server's socket was accepted.
  void Accepted(EndOwner& owner);

  // --- By the socket that has the end.

  bool connecting(Side side) const { return end(side).state == State::kConnecting; }
  bool closed(Side side) const { return end(side).state == State::kClosed; }
  ssize_t Send(Side side, const iovec* pieces, size_t count);
  ssize_t Receive(Side side, char* into, size_t length);
  // Has the end say that it is full, and room when the next acknowledgement comes. False when there
  // is none to come.
  bool FeignFull(Side side);
  // How much a Receive would bring.
  size_t Unread(Side side) const;
  // As SIOCOUTQ: a FIN counts as a byte.
  size_t Unacknowledged(Side side) const;
  uint32_t Poll(Side side);
  int TakeError(Side side);
  int ShutdownWrite(Side side);
  // RST now; the socket stays, and says so once.
  void Disconnect(Side side);
  enum class Closing { kInOrder, kWithReset };
  void Close(Side side, Closing how);

 private:
  enum class State { kConnecting, kOpen, kClosed };
  // Calls a function of the connection for one of its ends.
  struct Timer final : Event {
    Timer(TcpConnection& connection, Side side, void (TcpConnection::*happen)(Side))
        : connection(connection), side(side), happen(happen) {}
    void Happen() override { (connection.*happen)(side); }

    TcpConnection& connection;
    const Side side;
    void (TcpConnection::*const happen)(Side);
  };

  struct End {
    EndOwner* owner = nullptr;
    Address address;
    Buffers buffers = {};
    State state = State::kConnecting;
    int error = 0;
    bool disconnected = false;
    // Written here and not read by the peer: what has arrived, then what is in flight, then what
    // was not sent yet.
    ByteQueue bytes;
    size_t in_flight = 0;
    size_t unsent = 0;
    size_t unacknowledged = 0;
    // What the peer's window still takes.
    size_t credit = 0;
    // Somebody waits for room.
    bool is_full = false;
    // Segments that arrive at once bring acknowledgements while others are being sent.
    bool is_transmitting = false;
    bool fin_wanted = false;
    bool fin_sent = false;
    bool fin_acknowledged = false;
    // Received here.
    bool fin_received = false;
    size_t to_acknowledge = 0;
    size_t to_credit = 0;
  };

  static Side PeerOf(Side side) { return side == Side::kClient ? Side::kServer : Side::kClient; }
  End& end(Side side) { return ends_[static_cast<size_t>(side)]; }
  const End& end(Side side) const { return ends_[static_cast<size_t>(side)]; }
  End& peer(Side side) { return end(PeerOf(side)); }
  const End& peer(Side side) const { return end(PeerOf(side)); }
  static void Notify(End& end, uint32_t events) {
    if (end.owner != nullptr) end.owner->EndChanged(events);
  }
  static size_t Room(const End& end);
  // Whether poll(2) says so: a third of the buffer is free.
  static bool IsWritable(const End& end);

  // Sends `segment` from `side`.
  void Dispatch(Side side, const Segment& segment);
  // Sends what the window allows.
  void Transmit(Side side);
  void Acknowledge(Side side);
  void SendReset(Side side);
  // `side` is over: it sends nothing more.
  void Conclude(Side side);
  // The same once both directions have ended in order.
  void ConcludeIfFinished(Side side);
  // The client's SYN; again and again until it is answered.
  void SendSyn(Side client);
  // A RST that neither end has sent hits both.
  void ResetFromOutside();

  void Deliver(int to, const Segment& segment) override;
  void DeliverLater(int to, const Segment& segment) override;
  void SynArrived();
  void SynAckArrived();
  void HandshakeEnded();
  void DataArrived(Side to, size_t bytes);
  void FinArrived(Side to);
  void AckArrived(Side to, const Segment& segment);
  void ResetArrived(Side to);

  Network& network_;
  Place place_ = {};
  std::array<End, 2> ends_;
  // By where they lead.
  std::array<Path, 2> paths_;
  const Time latency_;
  Timer syn_timer_;
  int syns_sent_ = 0;
  // Acknowledgements that are held back.
  std::array<Timer, 2> ack_timers_;
  // Where it waits until it is accepted.
  Listener* listener_ = nullptr;
};

}  // namespace rondo::simulation

#endif  // RONDO_SIMULATION_NETWORK_TCP_CONNECTION_H_
