// OutboundQueue holds what a connection still has to send, in order: copied bytes in chunks of the
// loop's pool, strings that were given away, and stretches of files. It knows no socket: a poller
// gathers what is in front, sends it, and says how much the kernel took.
//
//   front_ ─▶ [chunk: abc] ─▶ [string: 40 KiB] ─▶ [file: fd 9] ─▶ [chunk: def..room] ◀─ back_
//
// Gathered bytes stay where they are until they are consumed, whatever is appended meanwhile: the
// kernel may be reading them. An emptied queue keeps its last chunk. Stretches of one file share a
// descriptor. It belongs to one connection and to its loop's thread.
//
// A call that throws std::bad_alloc has changed nothing.

#ifndef RONDO_BUFFER_OUTBOUND_QUEUE_H_
#define RONDO_BUFFER_OUTBOUND_QUEUE_H_

#include <sys/uio.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/types/span.h"

#include "base/cold.h"
#include "base/file_id.h"
#include "buffer/chunk_pool.h"
#include "rondo/unique_fd.h"

namespace rondo::buffer {

class OutboundQueue {
  enum class Kind : uint8_t { kChunk, kString, kFile };
  struct Piece {
    Kind kind;
    Piece* next = nullptr;
    const char* begin = nullptr;  // not yet consumed
    char* end = nullptr;          // filled up to here
    char* limit = nullptr;        // a chunk's room ends here
  };

 public:
  using FileId = base::FileId;
  using Done = absl::AnyInvocable<void(const absl::Status&)>;

  // The usual size of a chunk, and the length from which a given string is kept rather than
  // copied into one.
  static constexpr size_t kChunkBytes = 4 << 10;
  // What a stretch of a file counts as: its bytes are not in memory, but it holds a descriptor.
  static constexpr size_t kFileBytes = 4 << 10;
  // Memory that is not counted: of two chunks that are hardly filled.
  static constexpr size_t kUncountedBytes = 2 * kChunkBytes;

  explicit OutboundQueue(ChunkPool& pool) : pool_(pool) { pool_.CountBeside(sizeof(*this)); }
  OutboundQueue(const OutboundQueue&) = delete;
  OutboundQueue& operator=(const OutboundQueue&) = delete;
  // REQUIRES: no Done waits (TakeAllDone).
  ~OutboundQueue();

  // --- Filling.

  void Append(std::string_view bytes) {
    if (bytes.empty()) return;
    if (back_ == nullptr || bytes.size() > static_cast<size_t>(back_->limit - back_->end))
        [[unlikely]] {
      return AppendSlow(bytes);
    }
    Fill(bytes);
  }
  // Takes `bytes` over, or copies them, when the string holds more than twice as much memory.
  void Append(std::string&& bytes);

  // Memory of a pool that is filled first and queued then, without a copy. The holder's until then,
  // and given back at the end of its life.
  class Chunk {
   public:
    Chunk() = default;
    // Room for `bytes` at least; none when there is no memory.
    Chunk(ChunkPool& pool, size_t bytes) noexcept;
    Chunk(Chunk&& other) noexcept { *this = std::move(other); }
    Chunk& operator=(Chunk&& other) noexcept {
      std::swap(pool_, other.pool_);
      std::swap(piece_, other.piece_);
      return *this;
    }
    ~Chunk();

    absl::Span<char> room() const;

   private:
    friend class OutboundQueue;
    ChunkPool* pool_ = nullptr;
    Piece* piece_ = nullptr;
  };
  // Queues the bytes from `begin` to `end` of the room of `chunk`, which is of the queue's pool; or
  // a copy of them, when the chunk holds more than twice as much memory.
  // REQUIRES: begin < end <= chunk.room().size().
  void Append(Chunk&& chunk, size_t begin, size_t end);
  // Room for `n` bytes behind what is queued; empty when the last chunk has less. It is the
  // caller's until the queue is filled or consumed.
  absl::Span<char> RoomBehind(size_t n) const {
    if (back_ == nullptr || n > static_cast<size_t>(back_->limit - back_->end)) return {};
    return {back_->end, n};
  }
  // Queues the first `n` bytes of that room. REQUIRES: RoomBehind(n) is not empty.
  void AppendRoom(size_t n) {
    back_->end += n;
    memory_bytes_ += n;
    appended_ += n;
  }

  // Whether a file of `length` may be queued behind `before` bytes: up to 2^62 in all, so that
  // bytes of memory queued behind it cannot overflow the sum.
  static bool MayFollow(uint64_t before, uint64_t length) {
    constexpr uint64_t kMost = uint64_t{1} << 62;
    return before < kMost && length <= kMost - before;
  }
  // `length` bytes of `file` from `offset`. REQUIRES: length > 0, MayFollow(total_bytes(), length).
  void AppendFile(UniqueFd file, int64_t offset, size_t length, FileId id = {});
  // The same of a file that is queued already; false when none with that id is.
  bool AppendQueuedFile(FileId id, int64_t offset, size_t length);
  // `done` becomes due when all that is queued now has been consumed. Untouched when this throws.
  void NotifyWhenSent(Done&& done);

  // --- Sending.

  struct File {
    int fd;
    int64_t offset;
    size_t length;
  };

  bool empty() const { return consumed_ == appended_; }
  // Bytes waiting to be sent, those of files as well.
  uint64_t total_bytes() const { return appended_ - consumed_; }
  // Bytes waiting in memory; files do not count.
  size_t memory_bytes() const { return memory_bytes_; }
  // The same, and what files and callbacks count as.
  size_t waiting_bytes() const {
    return memory_bytes_ + files_ * kFileBytes + (done_.size() - next_done_) * kDoneBytes;
  }
  // For the limits: the same, or half of the memory that is really held (the capacity of strings,
  // chunks that are not full), whichever is more. So the queue never holds more than twice what it
  // charges, and kUncountedBytes.
  size_t charged_bytes() const {
    const size_t held = held_bytes();
    const size_t least = held > kUncountedBytes ? (held - kUncountedBytes) / 2 : 0;
    return std::max(waiting_bytes(), least + files_ * kFileBytes);
  }
  // The memory that is held, but for what callbacks have captured. The pool counts it, too.
  size_t held_bytes() const { return piece_bytes_ + done_bytes_; }
  // How many descriptors are held.
  size_t descriptors() const { return descriptors_; }
  // The bytes in front that lie together; empty when a file is in front.
  std::string_view FrontBytes() const {
    if (front_ == nullptr) return {};
    return {front_->begin, static_cast<size_t>(front_->end - front_->begin)};
  }
  // Whether FrontBytes are all that is queued in memory before the next file.
  bool FrontIsAll() const { return front_ == nullptr || front_->next == nullptr; }
  // Fills `pieces` with the bytes in front, up to the first file; returns how many were filled.
  size_t Gather(absl::Span<iovec> pieces) const;
  // Whether a file is in front, and which part of it one call should send: to a peer that reads
  // fast enough sendfile(2) would send all of a long file.
  static constexpr size_t kFileBytesPerCall = 1 << 20;
  bool FrontFile(File* file) const;
  // The kernel took the next `n` bytes. REQUIRES: n > 0, and no more than are queued.
  void Consume(size_t n) {
    consumed_ += n;
    pool_.CountSent(n);
    if (consumed_ != appended_ || front_ != back_ || !IsOrdinaryChunk(*front_)) [[unlikely]] {
      return ConsumeSlow(n);
    }
    // Nearly every message ends here: all sent, and the chunk stays for the next one.
    memory_bytes_ = 0;
    front_->begin = front_->end = DataOf(front_);
  }

  // --- Callbacks.

  bool has_done() const { return !done_.empty(); }
  bool has_due_done() const { return has_done() && due_at_[next_done_] <= consumed_; }
  size_t due_dones() const;
  // REQUIRES: has_due_done().
  Done TakeDueDone();
  // All that wait, due or not.
  std::vector<Done> TakeAllDone();
  // Drops everything that is queued. REQUIRES: no Done waits (TakeAllDone).
  void Clear();

 private:
  struct StringPiece : Piece {
    std::string text;
  };
  // A file that is queued, for as many pieces.
  struct OpenFile {
    UniqueFd fd;
    FileId id;
    size_t pieces = 0;
    OpenFile* next = nullptr;
  };
  struct FilePiece : Piece {
    OpenFile* file;
    int64_t offset;
    size_t length;
  };
  static constexpr size_t kDoneBytes = sizeof(Done) + sizeof(uint64_t);
  // An empty queue keeps room for so many.
  static constexpr size_t kDoneKept = 64;

  static size_t LengthOf(const Piece& piece);
  static bool IsOrdinaryChunk(Piece& piece) {
    return piece.kind == Kind::kChunk && piece.limit <= DataOf(&piece) + kChunkBytes;
  }
  static char* DataOf(Piece* chunk) { return reinterpret_cast<char*>(chunk + 1); }
  // Puts `bytes` into the last chunk, which has room for them.
  void Fill(std::string_view bytes) {
    std::memcpy(back_->end, bytes.data(), bytes.size());
    AppendRoom(bytes.size());
  }
  RONDO_COLD void AppendSlow(std::string_view bytes);
  RONDO_COLD void ConsumeSlow(size_t n);
  Piece* NewChunk(size_t bytes);
  // A chunk in `block`, which is of that size.
  static Piece* MakeChunk(void* block, size_t block_bytes);
  // Chunks for `bytes`, linked to each other.
  Piece* NewChunks(size_t bytes);
  void ReturnChunk(Piece* chunk);
  void PushFile(FilePiece* piece, OpenFile& file, int64_t offset, size_t length);
  void ReleaseFile(OpenFile& file);
  static size_t HeldBy(const Piece& piece);
  void PushBack(Piece* piece);
  void PopFront();
  // Memory beside the pool's blocks.
  static size_t HeldBeside(const Piece& piece) {
    return piece.kind == Kind::kChunk ? 0 : HeldBy(piece);
  }
  void GrowDone();
  void DropDone(size_t count);
  // The lists of callbacks may have other capacities now.
  void RecountDone();

  ChunkPool& pool_;
  Piece* front_ = nullptr;
  Piece* back_ = nullptr;
  size_t memory_bytes_ = 0;
  // Of all pieces, with what is consumed and what is free in them.
  size_t piece_bytes_ = 0;
  size_t files_ = 0;
  // Of the pieces: a few at most.
  OpenFile* open_files_ = nullptr;
  size_t descriptors_ = 0;
  // Both count from the beginning of the queue's life, or the last Clear.
  uint64_t appended_ = 0;
  uint64_t consumed_ = 0;
  // Each with the value of consumed_ from which on it is due. Emptied as soon as the last one has
  // been taken.
  std::vector<Done> done_;
  std::vector<uint64_t> due_at_;
  size_t next_done_ = 0;
  // Of both lists.
  size_t done_bytes_ = 0;
};

}  // namespace rondo::buffer

#endif  // RONDO_BUFFER_OUTBOUND_QUEUE_H_
