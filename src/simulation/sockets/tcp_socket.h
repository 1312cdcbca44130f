// TcpSocket is a TCP socket as a file: fresh, then a listener, or one end of a TcpConnection.
// Results are those of the calls that its functions are named for: 0, a length, or a negated errno.

#ifndef RONDO_SIMULATION_SOCKETS_TCP_SOCKET_H_
#define RONDO_SIMULATION_SOCKETS_TCP_SOCKET_H_

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <memory>

#include "simulation/descriptors/file.h"
#include "simulation/network/tcp_connection.h"
#include "simulation/network/listener.h"
#include "simulation/network/network.h"
#include "simulation/sockets/socket_options.h"
#include "simulation/threads/scheduler.h"

namespace rondo::simulation {

class TcpSocket final : public File, private EndOwner {
 public:
  static constexpr Kind kKind = Kind::kTcpSocket;

  TcpSocket(Network& network, int family);
  // close(2) of the last descriptor.
  ~TcpSocket() override;

  // --- Listeners.

  int Bind(const sockaddr* address, socklen_t length);
  int Listen(int backlog);
  // Takes the connection that has waited longest. Null when there is none.
  std::shared_ptr<TcpSocket> Accept();
  // Whether accept(2) can be called, and would find one.
  bool listening() const { return listener_ != nullptr; }
  bool has_waiting() const { return listener_ != nullptr && !listener_->empty(); }

  // --- Connections.

  int Connect(const sockaddr* address, socklen_t length);
  ssize_t Send(const iovec* pieces, size_t count);
  ssize_t Receive(void* into, size_t length);
  bool FeignFull() { return connected() && connection_->FeignFull(side_); }
  int ShutdownWrite();
  int Disconnect();
  int Unacknowledged() const;
  int Unread() const;

  // --- Both.

  int GetName(sockaddr* address, socklen_t* length) const;
  int GetPeerName(sockaddr* address, socklen_t* length) const;
  // The same whatever has become of the connection: accept(2) tells it.
  void WritePeerName(sockaddr* address, socklen_t* length) const;
  int SetOption(int level, int option, const void* value, socklen_t length);
  int GetOption(int level, int option, void* value, socklen_t* length);
  uint32_t Poll() override;
  size_t InputBytes() const override;

 private:
  // An accepted one.
  TcpSocket(const TcpSocket& listener, TcpConnection& connection);

  // Port 0: any that is free.
  int BindTo(const Address& address);
  void EndChanged(uint32_t events) override { Notify(events); }
  TcpConnection::Buffers buffers() const {
    return {options_.send_bytes(), options_.receive_bytes()};
  }
  bool connected() const { return connection_ != nullptr; }

  Network& network_;
  SocketOptions options_;
  Binding binding_;
  bool bound_ = false;
  std::unique_ptr<Listener> listener_;
  TcpConnection* connection_ = nullptr;
  Side side_ = Side::kClient;
};

}  // namespace rondo::simulation

#endif  // RONDO_SIMULATION_SOCKETS_TCP_SOCKET_H_
