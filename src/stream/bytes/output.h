// Output is where written bytes leave, on their way from the handlers to the poller: the only place
// that sends. One a loop; loop thread only.
//
//   Write ─▶ gather buffer ─▶ (the callback returns) ─▶ SendInline ─▶ what the socket does not take
//     │                                                                           │
//     ├──── large, or Flush: at once, from the user's own memory ─────────────────┤
//     │                                                                           ▼
//     └──── behind other output, or outside a callback ──────────▶ OutboundQueue ─▶ Send
//
// What the connection whose callback runs writes to an empty queue is *gathered*, and sent from the
// loop's own buffer when the callback returns: only what the socket does not take costs the
// connection memory. So a connection that gathers has no queue; one that gets a queue takes what
// was gathered along. A connection with a ByteTransform has its bytes encoded before the queue.
//
// What is written to other connections waits in their queues for the end of the turn, so that a
// peer gets in one send what several callbacks have written to it. That takes memory for each: the
// first few of a turn have it, from pools. A broadcast reaches many more, each with one write,
// which is sent at once from the user's own memory; only a second write in the same turn needs a
// queue.

#ifndef RONDO_STREAM_BYTES_OUTPUT_H_
#define RONDO_STREAM_BYTES_OUTPUT_H_

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <utility>

#include "absl/types/span.h"

#include "base/check.h"
#include "base/cold.h"
#include "base/file_id.h"
#include "base/on_loop.h"
#include "buffer/chunk_pool.h"
#include "buffer/outbound_queue_pool.h"
#include "poll/poller.h"
#include "stream/time/idle_timeouts.h"
#include "stream/bytes/lent_memory.h"
#include "stream/bytes/pending_list.h"
#include "stream/connection/stream_connection.h"

namespace rondo::stream {

class Output {
 public:
  Output(poll::Poller& poller, const reactor::HandlerTable& handlers, buffer::ChunkPool& chunks,
         PendingList& pending, IdleTimeouts& idle, LentMemory& lent_memory);
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  // --- Around a callback.

  void BeginCallback(StreamConnection& connection) {
    RONDO_DCHECK(running_.connection == nullptr && gathered_ == 0);
    running_.connection = &connection;
    sent_directly_ = 0;
  }
  // Sends what was gathered.
  void EndCallback(StreamConnection& connection) RONDO_ON_LOOP {
    running_.connection = nullptr;
    if (gathered_ > 0) SendGathered(connection);
  }
  const RunningCallback& running() const { return running_; }
  // The same around the `then` of an offload: what that writes is still taken when the connection
  // closes meanwhile, or has ended its output.
  void BeginReply(const StreamConnection& connection) { replying_ = &connection; }
  void EndReply() { replying_ = nullptr; }
  // Code of the user begins that is no callback of a connection.
  void BeginTask() {
    sent_directly_ = 0;
    EndReservation();
  }

  // --- Writing; see rondo/connection.h.

  WriteResult Write(StreamConnection& connection, std::string_view bytes) {
    if (TryGather(connection, bytes)) [[likely]] {
      CountWrite();
      return WriteResult::kOk;
    }
    return WriteSlow(connection, bytes);
  }
  WriteResult Write(StreamConnection& connection, std::string&& bytes);
  WriteResult Writev(StreamConnection& connection, absl::Span<const std::string_view> pieces);
  // Writes one of several pieces that were admitted together: it is not refused for what the pieces
  // before it have grown by in a transform, or in chunks.
  WriteResult WriteAdmitted(StreamConnection& connection, std::string&& bytes);
  WriteResult SendFile(StreamConnection& connection, int fd, int64_t offset, size_t length);
  void Flush(StreamConnection& connection) RONDO_ON_LOOP;

  // --- Writing in place; output_in_place.cc.

  absl::Span<char> Reserve(StreamConnection& connection, size_t n);
  WriteResult Commit(StreamConnection& connection, size_t n) {
    return Counted(CommitReserved(connection, n));
  }
  // What is reserved is given back.
  void EndReservation() {
    if (reserved_.connection != nullptr) reserved_ = {};
  }

  // --- For the statistics.

  // A write of the user's was accepted.
  void CountWrite() { ++writes_; }
  uint64_t writes() const { return writes_; }
  // Bytes that the poller has taken.
  uint64_t sent_bytes() const { return sent_bytes_ + chunks_.sent_bytes(); }

  // Whether a write may be taken at all.
  bool AcceptsWrites(const StreamConnection& connection) const {
    if (connection.state.AcceptsWrites()) return true;
    return replying_ == &connection && connection.state.MaySend() && !connection.state.IsFinSent();
  }
  // Whether `n` more bytes of memory may be queued.
  bool Admits(const StreamConnection& connection, size_t n) const;
  // Bytes that wait to be sent, and those that the callback of `connection` which runs has sent by
  // now: each write adds to it.
  uint64_t QueuedAndSent(const StreamConnection& connection) const {
    const bool has_queue = connection.outbound != nullptr;
    return sent_directly_ + (has_queue ? connection.outbound->total_bytes() : gathered_);
  }
  // Bytes of memory that wait to be sent.
  size_t Bytes(const StreamConnection& connection) const;
  // The memory that they take, with what files count as: for the high mark and the limit.
  size_t ChargedBytes(const StreamConnection& connection) const;

  // Whether a backlog has ended: what waits is below the low mark, what is held below the high one.
  bool HasDrained(const StreamConnection& connection) const;

  // `done` gets OK when the kernel has taken all that was written so far. False when there is no
  // memory for that: the connection has failed, and `done` is untouched.
  bool NotifyWhenSent(StreamConnection& connection, ConnectionHandle::Done& done);
  // Bytes of the transform's own: behind what was written.
  void QueueReply(StreamConnection& connection, std::string_view bytes);
  // Ends the transform's stream, if there is one: before the FIN, and once. Whether bytes of it
  // wait to be sent now.
  bool EndTransform(StreamConnection& connection);

  // --- For Streams.

  // Sends from the queue. Returns 0, or a negated errno when the socket has failed.
  // REQUIRES: connection.outbound is not null.
  int SendQueued(StreamConnection& connection) RONDO_ON_LOOP {
    return poller_.Send(connection.ref());
  }
  // REQUIRES: it is empty, and no Done waits.
  void ReturnQueue(StreamConnection& connection) {
    queues_.Return(std::exchange(connection.outbound, nullptr));
  }
  // Gives back the queues that are kept for the next use.
  void DropKept() { queues_.DropKept(); }

 private:
  static constexpr size_t kGatherBytes = 16 << 10;
  // Writes of this length are sent from the user's own memory, at once, with what was gathered.
  static constexpr size_t kDirectBytes = 8 << 10;
  // What one callback or task may have sent at once, files as well. The rest is queued: to a peer
  // that reads as fast as we write, `while (Write(...) == kOk)` would never end.
  static constexpr size_t kDirectBytesPerCallback = 1 << 20;

  // So many connections of a turn are sent to at its end, whatever was written to them; a queue
  // and a chunk for each come from pools, which keep that many.
  static constexpr size_t kQueuedPerTurn = 16;

  // Different files that a connection may have waiting, each with a descriptor; and from how many
  // on it has a backlog, whatever they count as.
  static constexpr size_t kMostFiles = 64;
  static constexpr size_t kManyFiles = 16;

  // What Reserve has returned and Commit has not taken yet.
  struct Reservation {
    const StreamConnection* connection = nullptr;
    absl::Span<char> bytes;
    // `gathered_` then. What is gathered since has taken the place of the bytes: to end the
    // reservation then would cost each message something.
    size_t gathered = 0;
    // Where the bytes are; without any they are behind what was gathered, or queued.
    buffer::OutboundQueue::Chunk chunk;
  };

  // Runs `operation`. False when there was no memory for it: then `connection` has failed, and not
  // the one whose callback writes to it.
  template <class Operation>
  bool Guard(StreamConnection& connection, Operation operation) {
    try {
      operation();
      return true;
    } catch (const std::bad_alloc&) {
      connection.Fail("send", ENOMEM);
      return false;
    }
  }
  static buffer::ByteTransform* TransformOf(const StreamConnection& connection) {
    return connection.rare == nullptr ? nullptr : connection.rare->transform.get();
  }
  // The result of a write of the user's, which counts if it was accepted.
  WriteResult Counted(WriteResult result) {
    if (result != WriteResult::kRefused) CountWrite();
    return result;
  }
  WriteResult CommitReserved(StreamConnection& connection, size_t n);
  // `connection` is written to in another way.
  void EndReservationOf(const StreamConnection& connection) {
    if (reserved_.connection == &connection) reserved_ = {};
  }
  // Writes `bytes`, which lie where the next ones are gathered, or queued.
  WriteResult CommitBehind(StreamConnection& connection, std::string_view bytes);
  // Sends the first `n` bytes of `chunk` behind what was gathered; what the socket does not take is
  // queued where it is. REQUIRES: Gathers().
  WriteResult SendChunk(StreamConnection& connection, buffer::OutboundQueue::Chunk chunk,
                        size_t n);
  // Whether writes of `connection` are gathered now.
  bool Gathers(const StreamConnection& connection) const {
    return connection.outbound == nullptr && running_.connection == &connection;
  }
  // Gathers `bytes`, if that is all there is to do.
  bool TryGather(StreamConnection& connection, std::string_view bytes) {
    // For an empty write `size() - 1` wraps and the test fails: the slow path handles it.
    if (!connection.state.IsPlain() || !Gathers(connection) ||
        bytes.size() - 1 >= kDirectBytes - 1 || bytes.size() > gather_limit_ - gathered_) {
      return false;
    }
    Gather(bytes);
    return true;
  }
  // REQUIRES: Gathers, and there is room for `bytes`.
  void Gather(std::string_view bytes) {
    RONDO_DCHECK(bytes.size() <= gather_limit_ - gathered_);
    std::memcpy(gather_buffer_.get() + gathered_, bytes.data(), bytes.size());
    gathered_ += bytes.size();
  }
  // Whether a write to `connection` is sent at once although its callback does not run.
  // REQUIRES: it has no transform.
  bool SendsAtOnce(const StreamConnection& connection) const {
    return !connection.has_output() && running_.connection != &connection &&
           !connection.state.IsPending() && pending_.size() >= kQueuedPerTurn;
  }
  bool MaySendDirectly() const { return sent_directly_ < kDirectBytesPerCallback; }
  void SendGathered(StreamConnection& connection) RONDO_ON_LOOP {
    if (!connection.state.IsPlain()) [[unlikely]] return SendGatheredSlow(connection);
    const size_t length = std::exchange(gathered_, 0);
    const iovec piece = {gather_buffer_.get(), length};
    const ssize_t sent = poller_.SendInline(connection.ref(), &piece, 1);
    if (sent != static_cast<ssize_t>(length)) [[unlikely]] {
      return (void)QueueUnsent(connection, {&piece, 1}, sent);
    }
    sent_bytes_ += length;
  }
  RONDO_COLD void SendGatheredSlow(StreamConnection& connection) RONDO_ON_LOOP;
  // Sends `pieces` at once, behind what was gathered; what the socket does not take is queued.
  // REQUIRES: Gathers() or SendsAtOnce(), there is something to send, and
  // pieces.size() < Poller::kMostInline.
  WriteResult SendDirectly(StreamConnection& connection,
                           absl::Span<const std::string_view> pieces);
  // Queues what is left of `batch` when SendInline has sent `sent` of it, or was not asked (0).
  RONDO_COLD WriteResult QueueUnsent(StreamConnection& connection, absl::Span<const iovec> batch,
                                     ssize_t sent);
  // A write that is not simply gathered.
  RONDO_COLD WriteResult WriteSlow(StreamConnection& connection, std::string_view bytes);
  RONDO_COLD WriteResult WriteAdmitted(StreamConnection& connection, std::string_view bytes);
  // REQUIRES: the connection has a transform.
  RONDO_COLD WriteResult WriteEncoded(StreamConnection& connection, std::string_view bytes);
  // Queues a file that is not queued yet; false when that may not be.
  bool AppendFile(StreamConnection& connection, int fd, base::FileId id, int64_t offset,
                  size_t length);
  RONDO_COLD WriteResult WriteFileEncoded(StreamConnection& connection, int fd, int64_t offset,
                                          size_t length);
  // Encodes `plain` and puts the result into the queue.
  void Encode(StreamConnection& connection, std::string_view plain,
              buffer::ByteTransform::End end);
  // The result of a write that is in the queue now; has the loop send it.
  WriteResult Queued(StreamConnection& connection);
  // The queue, behind everything that was written before.
  buffer::OutboundQueue& EnsureQueue(StreamConnection& connection);

  poll::Poller& poller_;
  buffer::ChunkPool& chunks_;
  PendingList& pending_;
  IdleTimeouts& idle_;
  LentMemory& lent_memory_;
  buffer::OutboundQueuePool queues_;
  const std::unique_ptr<char[]> gather_buffer_{new char[kGatherBytes]};
  // No more than ConnectionOptions::outbound_high_bytes of any handler: the write that makes a
  // backlog tells. `gathered_` never passes it, whosever connection gathers: the test in Write
  // subtracts.
  const size_t gather_limit_;
  RunningCallback running_;
  // The connection whose offload's `then` runs.
  const StreamConnection* replying_ = nullptr;
  // What the connection whose callback runs has written.
  size_t gathered_ = 0;
  size_t sent_directly_ = 0;
  Reservation reserved_;
  // Ever; of bytes, those that were sent without a queue.
  uint64_t writes_ = 0;
  uint64_t sent_bytes_ = 0;
};

}  // namespace rondo::stream

#endif  // RONDO_STREAM_BYTES_OUTPUT_H_
