// OutboundQueue holds what a connection still has to send, in order: copied bytes in chunks of the
// loop's pool, strings that were given away, and stretches of files. It knows no socket: a poller
// gathers what is in front, sends it, and says how much the kernel took.
//
//   front_ ─▶ [chunk: abc] ─▶ [string: 40 KiB] ─▶ [file: fd 9, 4096..8192) ─▶ [chunk: def..room] ◀─ back_
//
// Gathered bytes stay where they are until they are consumed, whatever is appended meanwhile: the
// kernel may be reading them. It belongs to one connection and to its loop's thread.

#ifndef RONDO_BUFFER_OUTBOUND_QUEUE_H_
#define RONDO_BUFFER_OUTBOUND_QUEUE_H_

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/types/span.h"

#include "buffer/chunk_pool.h"
#include "rondo/unique_fd.h"

namespace rondo::buffer {

class OutboundQueue {
 public:
  using Done = absl::AnyInvocable<void(const absl::Status&)>;

  // The usual size of a chunk, and the length from which a given string is kept rather than
  // copied into one.
  static constexpr size_t kChunkBytes = 4 << 10;

  explicit OutboundQueue(ChunkPool& pool) : pool_(pool) {}
  OutboundQueue(const OutboundQueue&) = delete;
  OutboundQueue& operator=(const OutboundQueue&) = delete;
  // REQUIRES: no Done waits; see TakeAllDone.
  ~OutboundQueue();

  // --- Filling.

  void Append(std::string_view bytes);
  void Append(std::string&& bytes);
  // `length` bytes of `file` from `offset`. REQUIRES: length > 0.
  void AppendFile(UniqueFd file, int64_t offset, size_t length);
  // `done` becomes due when all that is queued now has been consumed.
  void NotifyWhenSent(Done done);

  // --- Sending.

  struct File {
    int fd;
    int64_t offset;
    size_t length;
  };

  bool empty() const { return front_ == nullptr; }
  // Bytes waiting in memory; files do not count.
  size_t memory_bytes() const { return memory_bytes_; }
  // Fills `pieces` with the bytes in front, up to the first file; returns how many were filled.
  size_t Gather(absl::Span<iovec> pieces) const;
  // Whether a file is in front, and which.
  bool FrontFile(File* file) const;
  // The kernel took the next `n` bytes. REQUIRES: no more than are queued.
  void Consume(size_t n);

  // --- Telling.

  bool has_due_done() const { return next_done_ < done_.size() && done_[next_done_].at <= consumed_; }
  // REQUIRES: has_due_done().
  Done TakeDueDone();
  // All that wait, due or not.
  std::vector<Done> TakeAllDone();
  // Drops everything that is queued.
  void Clear();

 private:
  enum class Kind : uint8_t { kChunk, kString, kFile };
  struct Piece {
    Kind kind;
    Piece* next = nullptr;
    const char* begin = nullptr;  // not yet consumed
    char* end = nullptr;          // filled up to here
    char* limit = nullptr;        // a chunk's room ends here
  };
  struct StringPiece : Piece {
    std::string text;
  };
  struct FilePiece : Piece {
    UniqueFd file;
    int64_t offset;
    size_t length;
  };
  struct Mark {
    uint64_t at;
    Done done;
  };

  static size_t LengthOf(const Piece& piece);
  Piece* NewChunk(size_t bytes);
  void PushBack(Piece* piece);
  void PopFront();

  ChunkPool& pool_;
  Piece* front_ = nullptr;
  Piece* back_ = nullptr;
  size_t memory_bytes_ = 0;
  // Both count from the beginning of the queue's life.
  uint64_t appended_ = 0;
  uint64_t consumed_ = 0;
  std::vector<Mark> done_;
  size_t next_done_ = 0;
};

}  // namespace rondo::buffer

#endif  // RONDO_BUFFER_OUTBOUND_QUEUE_H_
