// Client is the other end of a connection in a simulation: a blocking socket without any of Rondo's
// code, with a time limit on every call, so that a server that says nothing is found out. It
// belongs to one simulated thread at a time, most often one of a process of its own; the socket
// closes with it.
//
//   Client client;
//   if (!client.Connect(engine.addresses()[0])) return;
//   client.Send("ping");
//   client.Receive(4);  // "ping"

#ifndef RONDO_SIMULATION_CLIENT_CLIENT_H_
#define RONDO_SIMULATION_CLIENT_CLIENT_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "rondo/socket_address.h"
#include "rondo/unique_fd.h"

namespace rondo::simulation {

class Client {
 public:
  struct Options {
    // SO_RCVBUF and SO_SNDBUF; 0: the machine's choice.
    int receive_buffer_bytes = 0;
    int send_buffer_bytes = 0;
    // The limit of each call, in virtual time.
    int64_t timeout_ns = int64_t{600} * 1'000'000'000;
  };
  // How the server's direction ended, as far as was read.
  enum class Ending { kNone, kFin, kReset, kTimeout };

  Client() : Client(Options()) {}
  explicit Client(const Options& options) : options_(options) {}

  // False when that failed, see error(), or took too long.
  bool Connect(const SocketAddress& server);
  // The errno of the call that failed last.
  int error() const { return error_; }
  int fd() const { return socket_.get(); }
  SocketAddress local_address() const;

  // Sends everything; false when that failed or took too long.
  bool Send(std::string_view bytes);
  // Sends what fits without waiting; returns how much that was.
  size_t SendWhatFits(std::string_view bytes);
  // Whether the last call could not be done without waiting.
  bool WouldBlock() const;
  // Whether a receive would not wait, now.
  bool HasInput() const;
  // Waits until there is input, room or an end; false when that took too long.
  bool AwaitEither() const;
  // `length` bytes, fewer when the connection ends or time is up first: see ending().
  std::string Receive(size_t length);
  // What is there, waiting for some, up to `most` bytes; empty at the end.
  std::string ReceiveSome(size_t most);
  // Everything up to the end.
  std::string ReceiveAll();
  Ending ending() const { return ending_; }

  // FIN; receiving goes on.
  void ShutdownWrite();
  // RST, and the socket is gone.
  void Reset();
  // FIN, and the socket is gone; with input unread it is a RST.
  void Close() { socket_.Reset(); }

 private:
  const Options options_;
  UniqueFd socket_;
  int error_ = 0;
  Ending ending_ = Ending::kNone;
};

}  // namespace rondo::simulation

#endif  // RONDO_SIMULATION_CLIENT_CLIENT_H_
