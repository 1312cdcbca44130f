#include "simulation/sockets/tcp_socket.h"

#include <netinet/in.h>
#include <sys/epoll.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace rondo::simulation {

TcpSocket::TcpSocket(Network& network, int family)
    : File(kKind),
      network_(network),
      options_(network.conditions().send_buffer_bytes, network.conditions().receive_buffer_bytes) {
  binding_.family = family;
  if (family == AF_INET) binding_.address = Address::Any4();
}

TcpSocket::TcpSocket(const TcpSocket& listener, TcpConnection& connection)
    : File(kKind),
      network_(listener.network_),
      options_(listener.options_),
      connection_(&connection),
      side_(Side::kServer) {
  binding_.family = listener.binding_.family;
  connection.Accepted(*this);
}

TcpSocket::~TcpSocket() {
  // It is not found any more when those that wait are told.
  if (bound_) network_.Unbind(binding_);
  listener_.reset();
  if (!connected()) return;
  connection_->Close(side_, options_.resets_on_close() ? TcpConnection::Closing::kWithReset
                                                       : TcpConnection::Closing::kInOrder);
}

// --- Listeners.

int TcpSocket::Bind(const sockaddr* address, socklen_t length) {
  Address wanted;
  if (bound_ || connected() || !Address::Read(address, length, &wanted)) return -EINVAL;
  if (address->sa_family != binding_.family) return -EAFNOSUPPORT;
  if (!wanted.is_local()) return -EADDRNOTAVAIL;
  return BindTo(wanted);
}

int TcpSocket::BindTo(const Address& address) {
  binding_.address = address;
  binding_.ipv6_only = options_.Number(IPPROTO_IPV6, IPV6_V6ONLY) != 0;
  binding_.reuse_address = options_.Number(SOL_SOCKET, SO_REUSEADDR) != 0;
  binding_.reuse_port = options_.Number(SOL_SOCKET, SO_REUSEPORT) != 0;
  const int result = network_.Bind(binding_);
  bound_ = result == 0;
  return result;
}

int TcpSocket::Listen(int backlog) {
  if (connected()) return -EINVAL;
  const auto length = static_cast<size_t>(std::max(backlog, 0));
  if (listening()) {
    listener_->set_backlog(length);
    return 0;
  }
  if (!bound_) {
    if (const int result = BindTo(binding_.address); result < 0) return result;
  }
  if (network_.IsTaken(binding_)) return -EADDRINUSE;
  listener_.reset(new Listener(*this, length, buffers()));
  binding_.listener = listener_.get();
  return 0;
}

std::shared_ptr<TcpSocket> TcpSocket::Accept() {
  TcpConnection* const connection = listener_->Take();
  if (connection == nullptr) return nullptr;
  return std::shared_ptr<TcpSocket>(new TcpSocket(*this, *connection));
}

// --- Connections.

int TcpSocket::Connect(const sockaddr* address, socklen_t length) {
  Address server;
  if (!Address::Read(address, length, &server)) return -EINVAL;
  if (listening() || connected()) return -EISCONN;
  if (!server.is_local()) return -ENETUNREACH;
  if (server.is_any()) server = Address::Loopback4(server.port);
  if (!bound_) {
    Address own = server;
    own.port = 0;
    if (const int result = BindTo(own); result < 0) return result;
  }
  connection_ = &network_.Connect(binding_.address, server);
  connection_->Begin(*this, buffers());
  // The kernel looks at the answer, however soon it comes, after this call.
  return -EINPROGRESS;
}

ssize_t TcpSocket::Send(const iovec* pieces, size_t count) {
  return connected() ? connection_->Send(side_, pieces, count) : -EPIPE;
}

ssize_t TcpSocket::Receive(void* into, size_t length) {
  return connected() ? connection_->Receive(side_, static_cast<char*>(into), length) : -ENOTCONN;
}

int TcpSocket::ShutdownWrite() {
  if (connected()) return connection_->ShutdownWrite(side_);
  return listening() ? 0 : -ENOTCONN;
}

int TcpSocket::Disconnect() {
  if (connected()) connection_->Disconnect(side_);
  return 0;
}

int TcpSocket::Unacknowledged() const {
  if (listening()) return -EINVAL;
  return connected() ? static_cast<int>(connection_->Unacknowledged(side_)) : 0;
}

int TcpSocket::Unread() const {
  if (listening()) return -EINVAL;
  return connected() ? static_cast<int>(connection_->Unread(side_)) : 0;
}

// --- Both.

int TcpSocket::GetName(sockaddr* address, socklen_t* length) const {
  const Address& own = connected() ? connection_->address(side_) : binding_.address;
  own.Write(binding_.family, address, length);
  return 0;
}

int TcpSocket::GetPeerName(sockaddr* address, socklen_t* length) const {
  if (!connected() || connection_->connecting(side_) || connection_->closed(side_)) {
    return -ENOTCONN;
  }
  WritePeerName(address, length);
  return 0;
}

void TcpSocket::WritePeerName(sockaddr* address, socklen_t* length) const {
  const Side peer = side_ == Side::kClient ? Side::kServer : Side::kClient;
  connection_->address(peer).Write(binding_.family, address, length);
}

int TcpSocket::SetOption(int level, int option, const void* value, socklen_t length) {
  const int result = options_.Set(level, option, value, length);
  if (result == 0 && connected()) connection_->SetBuffers(side_, buffers());
  return result;
}

int TcpSocket::GetOption(int level, int option, void* value, socklen_t* length) {
  if (level != SOL_SOCKET || option != SO_ERROR) {
    return options_.Get(level, option, value, length);
  }
  const int error = connected() ? connection_->TakeError(side_) : 0;
  *length = std::min<socklen_t>(*length, sizeof error);
  std::memcpy(value, &error, *length);
  return 0;
}

uint32_t TcpSocket::Poll() {
  if (listening()) return has_waiting() ? EPOLLIN | EPOLLRDNORM : 0;
  if (connected()) return connection_->Poll(side_);
  return EPOLLOUT | EPOLLWRNORM | EPOLLHUP;
}

size_t TcpSocket::InputBytes() const {
  if (listening()) return has_waiting() ? 1 : 0;
  return connected() ? connection_->Unread(side_) : 0;
}

}  // namespace rondo::simulation
