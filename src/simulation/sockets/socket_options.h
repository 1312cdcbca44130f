// SocketOptions are what setsockopt(2) has set on a TCP socket, as getsockopt(2) tells it. An
// accepted socket begins with those of its listener. A value.

#ifndef RONDO_SIMULATION_SOCKETS_SOCKET_OPTIONS_H_
#define RONDO_SIMULATION_SOCKETS_SOCKET_OPTIONS_H_

#include <sys/socket.h>

#include <array>
#include <cstddef>

namespace rondo::simulation {

class SocketOptions {
 public:
  // Buffers as the kernel chooses them, for so many bytes of payload.
  SocketOptions(size_t send_bytes, size_t receive_bytes);

  // Return 0 or a negated errno: ENOPROTOOPT for what is not simulated.
  int Set(int level, int option, const void* value, socklen_t length);
  int Get(int level, int option, void* value, socklen_t* length) const;

  // The value of one that is an int.
  int Number(int level, int option) const;
  // Payload that the buffers hold: the kernel doubles what it is told, for its own book-keeping.
  size_t send_bytes() const;
  size_t receive_bytes() const;
  bool resets_on_close() const { return linger_.l_onoff != 0 && linger_.l_linger == 0; }

 private:
  struct Entry {
    int level;
    int option;
    int value;
  };

  const Entry* Find(int level, int option) const;

  std::array<Entry, 12> entries_;
  linger linger_ = {};
};

}  // namespace rondo::simulation

#endif  // RONDO_SIMULATION_SOCKETS_SOCKET_OPTIONS_H_
