// Client is the other end of a connection in a test: a plain blocking socket without any of
// Rondo's code, and with a time limit on every call, so that a server that says nothing fails the
// test instead of stopping it. It belongs to one thread at a time; the socket closes with it.
//
//   Client client(engine.addresses()[0]);
//   client.Send("ping");
//   EXPECT_EQ(client.Receive(4), "ping");
//   client.ShutdownWrite();
//   EXPECT_EQ(client.ReceiveAll(), "");
//   EXPECT_EQ(client.ending(), Client::Ending::kFin);

#ifndef RONDO_TESTS_SERVER_CLIENT_H_
#define RONDO_TESTS_SERVER_CLIENT_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "rondo/socket_address.h"
#include "rondo/unique_fd.h"

namespace rondo::testing {

// `length` bytes that look random and are the same for the same `seed`.
std::string RandomBytes(size_t length, uint32_t seed = 1);

class Client {
 public:
  struct Options {
    // SO_RCVBUF, so that a peer that does not read fills up soon; 0: the kernel's choice.
    int receive_buffer_bytes = 0;
    int send_buffer_bytes = 0;
    // Number of the IPv4 address to come from, such as 127.0.0.2 (0x7f000002); 0: the kernel's
    // choice. All of 127.0.0.0/8 is this machine, on Linux.
    uint32_t from = 0;
    // The time limit of each call.
    int timeout_ms = 10'000;
    // Speaks to a server whose bytes go through SwapCase: what is sent and received here is what
    // the server's handler sees and writes.
    bool swaps_case = false;
  };
  // How the server's direction ended, as far as has been read.
  enum class Ending { kNone, kFin, kReset, kTimeout };

  // No connection.
  Client() = default;
  // Connects; see connected(). A wildcard address means this machine.
  explicit Client(const SocketAddress& server) : Client(server, Options()) {}
  Client(const SocketAddress& server, const Options& options);

  bool connected() const { return static_cast<bool>(socket_); }
  // The errno of the failed connect.
  int connect_error() const { return connect_error_; }
  int fd() const { return socket_.get(); }
  SocketAddress local_address() const;

  // Sends everything; false when that failed or took too long.
  bool Send(std::string_view bytes);
  // Sends what fits without waiting; returns how much that was.
  size_t SendWhatFits(std::string_view bytes);
  // `n` bytes, fewer when the connection ends or time is up first: see ending().
  std::string Receive(size_t n);
  // Everything up to the end.
  std::string ReceiveAll();
  Ending ending() const { return ending_; }
  // Waits for the end and expects nothing before it.
  Ending WaitForEnd();

  // FIN; receiving goes on.
  void ShutdownWrite();
  // RST at once, and the socket is gone.
  void Reset();
  // FIN, and the socket is gone; with input unread the kernel sends a RST (RFC 2525 section 2.17).
  void Close();

 private:
  // Receives up to `length` raw bytes; 0 when that has ended, see ending().
  size_t ReceiveSome(char* into, size_t length);
  // Takes away the greeting of SwapCase, which comes first. Before an end, too: the greeting is
  // no reply that a test has left unread.
  bool SkipGreeting();

  UniqueFd socket_;
  bool swaps_case_ = false;
  bool greeted_ = false;
  int connect_error_ = 0;
  Ending ending_ = Ending::kNone;
};

}  // namespace rondo::testing

#endif  // RONDO_TESTS_SERVER_CLIENT_H_
