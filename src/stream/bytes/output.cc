#include "stream/bytes/output.h"

#include <algorithm>
#include <array>
#include <cerrno>

#include "absl/strings/str_cat.h"

#include "base/status.h"
#include "net/transport.h"

namespace rondo::stream {
namespace {

using buffer::ByteTransform;
using buffer::OutboundQueue;

size_t BytesIn(absl::Span<const std::string_view> pieces) {
  size_t bytes = 0;
  for (const std::string_view piece : pieces) bytes += piece.size();
  return bytes;
}

size_t LeastHighMark(const reactor::HandlerTable& handlers, size_t most) {
  for (const reactor::HandlerEntry& entry : handlers) {
    most = std::min(most, entry.options.outbound_high_bytes);
  }
  return most;
}

}  // namespace

Output::Output(poll::Poller& poller, const reactor::HandlerTable& handlers,
               buffer::ChunkPool& chunks, PendingList& pending, IdleTimeouts& idle,
               LentMemory& lent_memory)
    : poller_(poller),
      chunks_(chunks),
      pending_(pending),
      idle_(idle),
      lent_memory_(lent_memory),
      queues_(chunks),
      gather_limit_(LeastHighMark(handlers, kGatherBytes)) {}

// --- Writing.

WriteResult Output::WriteSlow(StreamConnection& connection, std::string_view bytes) {
  if (!Admits(connection, bytes.size())) return WriteResult::kRefused;
  return Counted(WriteAdmitted(connection, bytes));
}

WriteResult Output::WriteAdmitted(StreamConnection& connection, std::string_view bytes) {
  if (!AcceptsWrites(connection)) return WriteResult::kRefused;
  if (bytes.empty()) {
    return connection.state.IsBacklogged() ? WriteResult::kAboveHighWater : WriteResult::kOk;
  }
  EndReservationOf(connection);
  if (TransformOf(connection) != nullptr) return WriteEncoded(connection, bytes);
  if (SendsAtOnce(connection)) return SendDirectly(connection, {&bytes, 1});
  if (!Gathers(connection)) {
    const bool appended = Guard(connection, [&] { EnsureQueue(connection).Append(bytes); });
    return appended ? Queued(connection) : WriteResult::kRefused;
  }
  if (bytes.size() >= kDirectBytes || bytes.size() > gather_limit_ - gathered_) {
    return SendDirectly(connection, {&bytes, 1});
  }
  Gather(bytes);
  return WriteResult::kOk;
}

WriteResult Output::Write(StreamConnection& connection, std::string&& bytes) {
  const std::string_view piece = bytes;
  if (piece.size() < OutboundQueue::kChunkBytes || TransformOf(connection) != nullptr) {
    return Write(connection, piece);
  }
  if (!Admits(connection, piece.size())) return WriteResult::kRefused;
  return Counted(WriteAdmitted(connection, std::move(bytes)));
}

WriteResult Output::WriteAdmitted(StreamConnection& connection, std::string&& bytes) {
  const std::string_view piece = bytes;
  if (piece.size() < OutboundQueue::kChunkBytes || TransformOf(connection) != nullptr) {
    return WriteAdmitted(connection, piece);
  }
  if (!AcceptsWrites(connection)) return WriteResult::kRefused;
  EndReservationOf(connection);
  if (Gathers(connection) || SendsAtOnce(connection)) {
    return SendDirectly(connection, {&piece, 1});
  }
  const bool appended =
      Guard(connection, [&] { EnsureQueue(connection).Append(std::move(bytes)); });
  return appended ? Queued(connection) : WriteResult::kRefused;
}

WriteResult Output::Writev(StreamConnection& connection,
                           absl::Span<const std::string_view> pieces) {
  const size_t total = BytesIn(pieces);
  if (!Admits(connection, total)) return WriteResult::kRefused;
  if (total == 0) return WriteResult::kOk;
  EndReservationOf(connection);
  WriteResult result = WriteResult::kOk;
  // As many as one call takes, behind what was gathered.
  constexpr size_t kTogether = poll::Poller::kMostInline - 1;
  const bool is_encoded = TransformOf(connection) != nullptr;
  for (; !pieces.empty() && AcceptsWrites(connection);
       pieces.remove_prefix(std::min(kTogether, pieces.size()))) {
    const absl::Span<const std::string_view> together = pieces.subspan(0, kTogether);
    const size_t least = SendsAtOnce(connection) ? 1 : kDirectBytes;
    const bool may_send = Gathers(connection) || SendsAtOnce(connection);
    if (may_send && !is_encoded && BytesIn(together) >= least) {
      result = SendDirectly(connection, together);
    } else {
      for (const std::string_view piece : together) {
        result = TryGather(connection, piece) ? WriteResult::kOk
                                              : WriteAdmitted(connection, piece);
      }
    }
  }
  return Counted(result);
}

WriteResult Output::SendFile(StreamConnection& connection, int fd, int64_t offset,
                             size_t length) {
  if (!Admits(connection, OutboundQueue::kFileBytes)) return WriteResult::kRefused;
  if (length == 0) return WriteResult::kOk;
  if (offset < 0) return WriteResult::kRefused;
  EndReservationOf(connection);
  if (TransformOf(connection) != nullptr) {
    return Counted(WriteFileEncoded(connection, fd, offset, length));
  }
  OutboundQueue* const queue = connection.outbound;
  if (!OutboundQueue::MayFollow(queue == nullptr ? 0 : queue->total_bytes(), length)) {
    return WriteResult::kRefused;
  }
  base::FileId id;
  if (!net::IdentifyFile(fd, &id)) return WriteResult::kRefused;
  bool accepted = false;
  const bool has_memory = Guard(connection, [&] {
    accepted = (queue != nullptr && queue->AppendQueuedFile(id, offset, length)) ||
               AppendFile(connection, fd, id, offset, length);
  });
  return accepted && has_memory ? Counted(Queued(connection)) : WriteResult::kRefused;
}

bool Output::AppendFile(StreamConnection& connection, int fd, base::FileId id, int64_t offset,
                        size_t length) {
  if (connection.outbound != nullptr && connection.outbound->descriptors() >= kMostFiles) {
    return false;
  }
  UniqueFd file = net::Duplicate(fd);
  if (!file) return false;
  EnsureQueue(connection).AppendFile(std::move(file), offset, length, id);
  return true;
}

void Output::Flush(StreamConnection& connection) {
  EndReservationOf(connection);
  if (!connection.state.MaySend() || !MaySendDirectly()) return;
  if (Gathers(connection)) {
    if (gathered_ > 0) (void)SendDirectly(connection, {});
    return poller_.Submit();
  }
  if (connection.outbound == nullptr) return poller_.Submit();
  const uint64_t waiting = connection.outbound->total_bytes();
  const int result = SendQueued(connection);
  const uint64_t sent = waiting - connection.outbound->total_bytes();
  sent_directly_ += static_cast<size_t>(sent);
  if (sent > 0) idle_.NoteActivity(connection, Direction::kOutput);
  if (result < 0) connection.FailSending("send", -result);
  pending_.Mark(connection);
  poller_.Submit();
}

bool Output::Admits(const StreamConnection& connection, size_t n) const {
  const size_t limit = connection.options().outbound_limit_bytes;
  return AcceptsWrites(connection) && n <= limit && ChargedBytes(connection) <= limit - n;
}

size_t Output::Bytes(const StreamConnection& connection) const {
  if (connection.outbound != nullptr) return connection.outbound->memory_bytes();
  return running_.connection == &connection ? gathered_ : 0;
}

size_t Output::ChargedBytes(const StreamConnection& connection) const {
  return connection.outbound != nullptr ? connection.outbound->charged_bytes()
                                        : Bytes(connection);
}

bool Output::HasDrained(const StreamConnection& connection) const {
  const size_t low = connection.options().outbound_low_bytes;
  if (connection.outbound == nullptr) return Bytes(connection) <= low;
  // A string that was given away is held to its last byte. What is held then leaves room for what
  // the limit is above the high mark.
  return connection.outbound->waiting_bytes() <= low &&
         connection.outbound->charged_bytes() <= connection.options().outbound_high_bytes &&
         connection.outbound->descriptors() <= kManyFiles / 2;
}

bool Output::NotifyWhenSent(StreamConnection& connection, ConnectionHandle::Done& done) {
  EndReservationOf(connection);
  const bool has_memory =
      Guard(connection, [&] { EnsureQueue(connection).NotifyWhenSent(std::move(done)); });
  // An empty queue is given back then, too.
  pending_.Mark(connection);
  return has_memory;
}

// --- Sending.

void Output::SendGatheredSlow(StreamConnection& connection) {
  const size_t length = std::exchange(gathered_, 0);
  if (!connection.state.MaySend()) return;
  const iovec piece = {gather_buffer_.get(), length};
  (void)QueueUnsent(connection, {&piece, 1}, poller_.SendInline(connection.ref(), &piece, 1));
}

WriteResult Output::SendDirectly(StreamConnection& connection,
                                 absl::Span<const std::string_view> pieces) {
  base::AssertOnLoop();
  std::array<iovec, poll::Poller::kMostInline> batch;
  size_t count = 0;
  const auto add = [&](std::string_view piece) {
    if (!piece.empty()) batch[count++] = {const_cast<char*>(piece.data()), piece.size()};
  };
  if (!Gathers(connection)) {
    for (const std::string_view piece : pieces) add(piece);
    pending_.Mark(connection);
    // Once a turn for each connection, and so with a bound of its own.
    const ssize_t sent = poller_.SendInPlace(connection.ref(), batch.data(), count);
    return QueueUnsent(connection, {batch.data(), count}, sent);
  }
  add({gather_buffer_.get(), std::exchange(gathered_, 0)});
  for (const std::string_view piece : pieces) add(piece);
  const ssize_t sent =
      MaySendDirectly() ? poller_.SendInline(connection.ref(), batch.data(), count) : 0;
  if (sent > 0) sent_directly_ += static_cast<size_t>(sent);
  return QueueUnsent(connection, {batch.data(), count}, sent);
}

WriteResult Output::QueueUnsent(StreamConnection& connection, absl::Span<const iovec> batch,
                                ssize_t sent) {
  if (sent < 0) {
    connection.FailSending("send", static_cast<int>(-sent));
    return WriteResult::kOk;
  }
  if (sent > 0) idle_.NoteActivity(connection, Direction::kOutput);
  auto taken = static_cast<size_t>(sent);
  sent_bytes_ += taken;
  // Without memory some of it was sent and the rest is lost: later bytes would be out of place.
  (void)Guard(connection, [&] {
    for (const iovec& piece : batch) {
      const size_t gone = std::min(taken, piece.iov_len);
      taken -= gone;
      if (gone == piece.iov_len) continue;
      if (connection.outbound == nullptr) connection.outbound = queues_.Borrow();
      const std::string_view whole(static_cast<const char*>(piece.iov_base), piece.iov_len);
      connection.outbound->Append(whole.substr(gone));
    }
  });
  return connection.outbound == nullptr ? WriteResult::kOk : Queued(connection);
}

WriteResult Output::Queued(StreamConnection& connection) {
  pending_.Mark(connection);
  if (connection.outbound->charged_bytes() > connection.options().outbound_high_bytes ||
      connection.outbound->descriptors() >= kManyFiles) {
    connection.state.SetBacklogged();
  }
  return connection.state.IsBacklogged() ? WriteResult::kAboveHighWater : WriteResult::kOk;
}

OutboundQueue& Output::EnsureQueue(StreamConnection& connection) {
  if (connection.outbound != nullptr) return *connection.outbound;
  connection.outbound = queues_.Borrow();
  if (running_.connection == &connection) {
    // Also when there is no memory for it: the connection fails, and sends nothing any more.
    const size_t length = std::exchange(gathered_, 0);
    connection.outbound->Append(std::string_view(gather_buffer_.get(), length));
  }
  return *connection.outbound;
}

// --- Through a transform.

void Output::Encode(StreamConnection& connection, std::string_view plain, ByteTransform::End end) {
  const auto queue = [&](std::string_view wire) { EnsureQueue(connection).Append(wire); };
  (void)Guard(connection, [&] {
    const absl::Status status = TransformOf(connection)->Encode(plain, end, queue);
    if (!status.ok()) connection.CloseBecause(status);
  });
}

WriteResult Output::WriteEncoded(StreamConnection& connection, std::string_view bytes) {
  Encode(connection, bytes, ByteTransform::End::kNo);
  return connection.outbound == nullptr ? WriteResult::kOk : Queued(connection);
}

// Its bytes pass through memory, and count as such.
WriteResult Output::WriteFileEncoded(StreamConnection& connection, int fd, int64_t offset,
                                     size_t length) {
  if (!Admits(connection, length)) return WriteResult::kRefused;
  const std::unique_ptr<char[]> bytes(new (std::nothrow) char[length]);
  if (bytes == nullptr) return WriteResult::kRefused;
  const ssize_t read = net::ReadFile(fd, offset, bytes.get(), length);
  if (read < 0) return WriteResult::kRefused;
  const WriteResult result = WriteEncoded(connection, {bytes.get(), static_cast<size_t>(read)});
  if (static_cast<size_t>(read) < length) {
    // Shorter than was promised, as sendfile(2) would find out.
    connection.CloseBecause(base::ErrnoStatus(
        ENODATA, absl::StrCat("pread for ", connection.peer().ToString())));
  }
  return result;
}

void Output::QueueReply(StreamConnection& connection, std::string_view bytes) {
  if (!connection.state.MaySend()) return;
  EndReservationOf(connection);
  (void)Guard(connection, [&] { EnsureQueue(connection).Append(bytes); });
  pending_.Mark(connection);
}

bool Output::EndTransform(StreamConnection& connection) {
  if (TransformOf(connection) == nullptr || connection.rare->transform_ended) return false;
  connection.rare->transform_ended = true;
  Encode(connection, {}, ByteTransform::End::kYes);
  if (connection.outbound == nullptr) return false;
  pending_.Mark(connection);
  return true;
}

}  // namespace rondo::stream
