// Input is where received bytes enter, on their way from the poller to the handlers: the only
// place. One a loop, which serves one connection at a time; loop thread only.
//
// Nearly always the bytes stay where the poller has put them: they are *lent* to the handler for
// the time of its callback, and what it leaves is kept in the connection's ring buffer. Bytes that
// Next or Read take from that buffer leave it only when the next call reads or the callback has
// returned, because until then the user may look at them: they are *taken*.
//
// A connection with a ByteTransform has its bytes decoded here, into its ring buffer.

#ifndef RONDO_STREAM_BYTES_INPUT_H_
#define RONDO_STREAM_BYTES_INPUT_H_

#include <cstddef>
#include <string_view>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/types/span.h"

#include "base/check.h"
#include "base/cold.h"
#include "buffer/byte_transform.h"
#include "buffer/chunk_pool.h"
#include "stream/bytes/lent_memory.h"
#include "stream/connection/stream_connection.h"

namespace rondo::stream {

class Input {
 public:
  Input(buffer::ChunkPool& chunks, LentMemory& lent_memory)
      : chunks_(chunks), lent_memory_(lent_memory) {}
  Input(const Input&) = delete;
  Input& operator=(const Input&) = delete;

  // Lends `bytes` while `offer` runs a callback of `connection`, and keeps what that leaves.
  // Returns whether anything was kept. REQUIRES: no bytes wait, and the connection has no
  // transform.
  template <class Offer>
  bool Lend(StreamConnection& connection, std::string_view bytes, Offer offer) {
    RONDO_DCHECK(lent_to_ == nullptr && connection.inbound.empty());
    lent_to_ = &connection;
    lent_ = bytes;
    offer();
    lent_to_ = nullptr;
    if (lent_.empty()) [[likely]] return false;
    Keep(connection, lent_);
    return true;
  }
  // Runs `offer`, a callback of `connection`, for the bytes that wait in its buffer.
  template <class Offer>
  void ShowKept(const StreamConnection& connection, Offer offer) {
    shown_to_ = &connection;
    offer();
    shown_to_ = nullptr;
  }
  // Whether the callback that runs was called for all the bytes of `connection` that wait.
  bool IsShowingAll(const StreamConnection& connection) const {
    const bool shows = lent_to_ == &connection || shown_to_ == &connection;
    return shows && !MustDecode(connection);
  }
  // Puts a copy of `bytes` behind those that wait. REQUIRES: the connection has no transform.
  RONDO_COLD void Keep(StreamConnection& connection, std::string_view bytes) {
    connection.inbound.Append(bytes, chunks_);
  }
  // Puts what `bytes` decode to behind the bytes that wait; `reply` takes the transform's own bytes
  // for the peer. REQUIRES: the connection has a transform.
  RONDO_COLD absl::Status Decode(StreamConnection& connection, std::string_view bytes,
                                 buffer::ByteTransform::End end,
                                 buffer::ByteTransform::Sink reply);
  // Whether Decode, with nothing more received, would bring bytes.
  static bool MustDecode(const StreamConnection& connection) {
    return connection.rare != nullptr && connection.rare->transform != nullptr &&
           connection.rare->transform->pending() > 0;
  }

  // Whether any bytes wait for the handler, decoded or not.
  bool HasWaiting(const StreamConnection& connection) const {
    return Size(connection) > 0 || MustDecode(connection);
  }
  // How many bytes wait for the handler.
  size_t Size(const StreamConnection& connection) const {
    if (lent_to_ == &connection) return lent_.size();
    return connection.inbound.size() - (taken_from_ == &connection ? taken_bytes_ : 0);
  }
  // The first `n` of them, valid until the next call that reads. REQUIRES: n <= Size().
  std::string_view Peek(StreamConnection& connection, size_t n) {
    if (lent_to_ == &connection) return lent_.substr(0, n);
    ReleaseTaken();
    return connection.inbound.Peek(n, chunks_);
  }
  // The same, for the handler to change them.
  absl::Span<char> PeekMutable(StreamConnection& connection, size_t n) {
    const std::string_view bytes = Peek(connection, n);
    // They are const only for those who look: what is lent lies in memory of the poller's that the
    // callback may change (poll::Poller), what is kept in the ring buffer.
    return {const_cast<char*>(bytes.data()), bytes.size()};
  }
  // Takes the first `n`. What Peek showed stays readable.
  void Take(StreamConnection& connection, size_t n) {
    if (lent_to_ == &connection) return lent_.remove_prefix(n);
    ReleaseTaken();
    taken_from_ = &connection;
    taken_bytes_ = n;
    lent_memory_.must_end = true;
  }
  // Takes all of them.
  std::string_view TakeAll(StreamConnection& connection) {
    if (lent_to_ == &connection) [[likely]] return std::exchange(lent_, {});
    return TakeAllKept(connection);
  }
  // Bytes that were taken leave their buffer: their views end here.
  void ReleaseTaken() {
    if (taken_from_ != nullptr) DiscardTaken();
  }
  // The connection has gone.
  void Clear(StreamConnection& connection) { connection.inbound.Clear(chunks_); }

 private:
  RONDO_COLD void DiscardTaken();
  RONDO_COLD std::string_view TakeAllKept(StreamConnection& connection);

  buffer::ChunkPool& chunks_;
  LentMemory& lent_memory_;
  // The connection whose callback runs and the bytes that it is lent and has not taken yet. Set
  // only while one runs.
  StreamConnection* lent_to_ = nullptr;
  std::string_view lent_;
  // The connection whose OnTraffic runs for bytes that were kept; only while it does.
  const StreamConnection* shown_to_ = nullptr;
  // Released before anything else is read.
  StreamConnection* taken_from_ = nullptr;
  size_t taken_bytes_ = 0;
};

}  // namespace rondo::stream

#endif  // RONDO_STREAM_BYTES_INPUT_H_
