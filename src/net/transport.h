// A Transport is what differs between the families of stream sockets: TCP now, unix sockets beside
// it. A constant table of functions; any thread. Descriptors are lent.

#ifndef RONDO_NET_TRANSPORT_H_
#define RONDO_NET_TRANSPORT_H_

#include <cstddef>
#include <cstdint>

#include "base/file_id.h"
#include "rondo/socket_address.h"
#include "rondo/unique_fd.h"

namespace rondo::net {

class Transport {
 public:
  // Bytes that were sent and that the peer has not acknowledged yet; 0 when the kernel does not
  // say. `fin_sent`: whether this direction was ended; a FIN itself does not count.
  virtual size_t Unacknowledged(int fd, bool fin_sent) const = 0;
  // Bytes that have arrived and were not received yet.
  virtual size_t Unread(int fd) const = 0;
  // Ends this direction (FIN). Returns 0, or a negated errno when the peer has gone.
  virtual int EndOutput(int fd) const = 0;
  // Resets the connection (RST), whatever it has still to send: now where the system can, at
  // close(2) elsewhere. Only closing `fd` may follow.
  virtual void Reset(int fd) const = 0;

 protected:
  ~Transport() = default;
};

// tcp(7).
const Transport& Tcp();

// Takes a connection from `listener`. Returns the descriptor and sets `peer`, or a negated errno.
int Accept(int listener, SocketAddress* peer);
// Takes a connection from `listener` and closes it at once. Returns 0 or a negated errno.
int RejectOne(int listener);
// A descriptor in reserve, which can be closed when the table is full; none when it is full
// already.
UniqueFd OpenReserve();
// Another descriptor for the same file; none when the table is full or `fd` is not open.
UniqueFd Duplicate(int fd);
// Which file `fd` is. False when it cannot be sent by sendfile(2): it is no regular file and no
// block device, or is not open for reading.
bool IdentifyFile(int fd, base::FileId* id);
// Reads up to `length` bytes of the file `fd` from `offset`. Returns how many there were, or a
// negated errno. Blocks for the disk.
ssize_t ReadFile(int fd, int64_t offset, char* into, size_t length);

}  // namespace rondo::net

#endif  // RONDO_NET_TRANSPORT_H_
