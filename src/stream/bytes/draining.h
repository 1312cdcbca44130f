// Draining is how the input of connections ends when the engine stops: each handler is offered what
// had arrived when that began, and is then told that no more will come. One a loop, which Streams
// owns; loop thread only.

#ifndef RONDO_STREAM_BYTES_DRAINING_H_
#define RONDO_STREAM_BYTES_DRAINING_H_

#include <cstddef>

#include "stream/bytes/input.h"
#include "stream/connection/stream_connection.h"

namespace rondo::stream {

class Draining {
 public:
  explicit Draining(const Input& input) : input_(input) {}

  // Connections that are opened from now on drain as well.
  void Begin() { has_begun_ = true; }
  bool has_begun() const { return has_begun_; }

  // Has `connection` serve what the notes that follow tell of, and no more; unless its input ends
  // anyway.
  static void Add(StreamConnection& connection);
  // The poller holds `bytes` for it.
  static void NoteHeld(StreamConnection& connection, size_t bytes);
  // What its socket holds now. After NoteHeld: to count it may take some from the socket.
  static void NoteUnread(StreamConnection& connection);
  // `bytes` were delivered to its handler.
  static void NoteDelivered(StreamConnection& connection, size_t bytes);
  // Whether all of it is served. A connection that is paused is busy: not before it resumes; nor is
  // one that has yielded, or has a backlog, while it has input left.
  bool IsServed(const StreamConnection& connection) const;

 private:
  const Input& input_;
  bool has_begun_ = false;
};

}  // namespace rondo::stream

#endif  // RONDO_STREAM_BYTES_DRAINING_H_
