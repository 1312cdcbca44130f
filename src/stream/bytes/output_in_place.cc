// Writing in place: the memory in which a write would put a copy is handed out before, and has the
// bytes already when they are written. One reservation a loop; what else is written to the
// connection ends it, because that takes the same place.

#include <algorithm>
#include <array>
#include <utility>

#include "stream/bytes/output.h"

namespace rondo::stream {

using buffer::OutboundQueue;

absl::Span<char> Output::Reserve(StreamConnection& connection, size_t n) {
  EndReservation();
  if (n == 0 || !Admits(connection, n)) return {};
  Reservation next;
  next.connection = &connection;
  next.gathered = gathered_;
  if (TransformOf(connection) == nullptr) {
    if (Gathers(connection) && n <= gather_limit_ - gathered_) {
      next.bytes = {gather_buffer_.get() + gathered_, n};
    } else if (connection.outbound != nullptr) {
      next.bytes = connection.outbound->RoomBehind(n);
    }
  }
  if (next.bytes.empty()) {
    next.chunk = OutboundQueue::Chunk(chunks_, n);
    next.bytes = next.chunk.room().subspan(0, n);
  }
  if (next.bytes.empty()) return {};
  lent_memory_.must_end = true;
  reserved_ = std::move(next);
  return reserved_.bytes;
}

WriteResult Output::CommitReserved(StreamConnection& connection, size_t n) {
  if (reserved_.connection != &connection) return WriteResult::kRefused;
  Reservation reserved = std::exchange(reserved_, {});
  const bool is_running = running_.connection == &connection;
  const bool is_overwritten = is_running && reserved.gathered != gathered_;
  if (is_overwritten || n > reserved.bytes.size() || !AcceptsWrites(connection)) {
    return WriteResult::kRefused;
  }
  if (n == 0) {
    return connection.state.IsBacklogged() ? WriteResult::kAboveHighWater : WriteResult::kOk;
  }
  const std::string_view bytes(reserved.bytes.data(), n);
  if (TransformOf(connection) != nullptr) return WriteEncoded(connection, bytes);
  if (reserved.chunk.room().empty()) return CommitBehind(connection, bytes);
  if (Gathers(connection)) {
    // Little of much memory.
    if (n < kDirectBytes && n <= gather_limit_ - gathered_) return Gather(bytes), WriteResult::kOk;
    return SendChunk(connection, std::move(reserved.chunk), n);
  }
  if (SendsAtOnce(connection)) return SendDirectly(connection, {&bytes, 1});
  const bool appended = Guard(connection, [&] {
    EnsureQueue(connection).Append(std::move(reserved.chunk), 0, n);
  });
  return appended ? Queued(connection) : WriteResult::kRefused;
}

WriteResult Output::CommitBehind(StreamConnection& connection, std::string_view bytes) {
  if (Gathers(connection) && bytes.data() == gather_buffer_.get() + gathered_) {
    gathered_ += bytes.size();
    return WriteResult::kOk;
  }
  OutboundQueue* const queue = connection.outbound;
  if (queue != nullptr && queue->RoomBehind(bytes.size()).data() == bytes.data()) {
    queue->AppendRoom(bytes.size());
    return Queued(connection);
  }
  return WriteResult::kRefused;
}

WriteResult Output::SendChunk(StreamConnection& connection, OutboundQueue::Chunk chunk, size_t n) {
  base::AssertOnLoop();
  std::array<iovec, 2> batch;
  size_t count = 0;
  const size_t gathered = std::exchange(gathered_, 0);
  if (gathered > 0) batch[count++] = {gather_buffer_.get(), gathered};
  const absl::Span<const iovec> before(batch.data(), count);
  batch[count++] = {chunk.room().data(), n};
  const ssize_t sent =
      MaySendDirectly() ? poller_.SendInline(connection.ref(), batch.data(), count) : 0;
  if (sent > 0) {
    sent_directly_ += static_cast<size_t>(sent);
    // What is not counted below.
    sent_bytes_ += static_cast<size_t>(sent) - std::min(static_cast<size_t>(sent), gathered);
    idle_.NoteActivity(connection, Direction::kOutput);
  }
  const ssize_t of_gathered = std::min(sent, static_cast<ssize_t>(gathered));
  const WriteResult result = QueueUnsent(connection, before, of_gathered);
  if (sent < 0 || sent == static_cast<ssize_t>(gathered + n)) return result;
  const bool appended = Guard(connection, [&] {
    if (connection.outbound == nullptr) connection.outbound = queues_.Borrow();
    connection.outbound->Append(std::move(chunk), static_cast<size_t>(sent - of_gathered), n);
  });
  return appended ? Queued(connection) : result;
}

}  // namespace rondo::stream
