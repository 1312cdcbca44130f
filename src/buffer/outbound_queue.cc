#include "buffer/outbound_queue.h"

#include <algorithm>
#include <memory>
#include <new>
#include <utility>

#include "base/check.h"

namespace rondo::buffer {

OutboundQueue::~OutboundQueue() {
  RONDO_CHECK(!has_done());
  Clear();
  pool_.UncountBeside(done_bytes_ + sizeof(*this));
}

void OutboundQueue::AppendSlow(std::string_view bytes) {
  const size_t room = back_ == nullptr ? 0 : static_cast<size_t>(back_->limit - back_->end);
  const size_t into_last = std::min(room, bytes.size());
  // All of them first: if one cannot be allocated, nothing was appended.
  Piece* chunks = NewChunks(bytes.size() - into_last);
  if (into_last > 0) Fill(bytes.substr(0, into_last));
  bytes.remove_prefix(into_last);
  while (chunks != nullptr) {
    PushBack(std::exchange(chunks, chunks->next));
    const size_t n = std::min(bytes.size(), static_cast<size_t>(back_->limit - back_->end));
    Fill(bytes.substr(0, n));
    bytes.remove_prefix(n);
  }
}

void OutboundQueue::Append(std::string&& bytes) {
  if (bytes.size() < kChunkBytes || bytes.capacity() / 2 > bytes.size()) {
    return Append(std::string_view(bytes));
  }
  auto piece = std::make_unique<StringPiece>();
  piece->kind = Kind::kString;
  piece->text = std::move(bytes);
  piece->begin = piece->text.data();
  piece->end = piece->limit = piece->text.data() + piece->text.size();
  memory_bytes_ += piece->text.size();
  appended_ += piece->text.size();
  PushBack(piece.release());
}

OutboundQueue::Chunk::Chunk(ChunkPool& pool, size_t bytes) noexcept {
  const size_t block_bytes =
      ChunkPool::BlockBytes(std::max(bytes + sizeof(Piece), kChunkBytes));
  void* const block = pool.TryBorrow(block_bytes);
  if (block == nullptr) return;
  pool_ = &pool;
  piece_ = MakeChunk(block, block_bytes);
}

OutboundQueue::Chunk::~Chunk() {
  if (piece_ != nullptr) pool_->Return(piece_, HeldBy(*piece_));
}

absl::Span<char> OutboundQueue::Chunk::room() const {
  if (piece_ == nullptr) return {};
  return {piece_->end, static_cast<size_t>(piece_->limit - piece_->end)};
}

void OutboundQueue::Append(Chunk&& chunk, size_t begin, size_t end) {
  RONDO_CHECK(chunk.pool_ == &pool_ && begin < end && end <= chunk.room().size());
  Piece* const piece = chunk.piece_;
  const size_t held = HeldBy(*piece);
  if (held > kChunkBytes && end - begin <= held / 2) {
    return Append(std::string_view(piece->begin + begin, end - begin));
  }
  chunk.piece_ = nullptr;
  piece->begin += begin;
  piece->end += end;
  memory_bytes_ += end - begin;
  appended_ += end - begin;
  PushBack(piece);
}

void OutboundQueue::AppendFile(UniqueFd file, int64_t offset, size_t length, FileId id) {
  auto piece = std::make_unique<FilePiece>();
  auto open = std::make_unique<OpenFile>();
  open->fd = std::move(file);
  open->id = id;
  open->next = open_files_;
  open_files_ = open.get();
  ++descriptors_;
  pool_.CountBeside(sizeof(OpenFile));
  PushFile(piece.release(), *open.release(), offset, length);
}

bool OutboundQueue::AppendQueuedFile(FileId id, int64_t offset, size_t length) {
  OpenFile* file = open_files_;
  while (file != nullptr && file->id != id) file = file->next;
  if (file == nullptr || id == FileId{}) return false;
  PushFile(std::make_unique<FilePiece>().release(), *file, offset, length);
  return true;
}

void OutboundQueue::PushFile(FilePiece* piece, OpenFile& file, int64_t offset, size_t length) {
  RONDO_CHECK(length > 0 && MayFollow(total_bytes(), length));
  piece->kind = Kind::kFile;
  piece->file = &file;
  piece->offset = offset;
  piece->length = length;
  appended_ += length;
  ++file.pieces;
  ++files_;
  PushBack(piece);
}

void OutboundQueue::NotifyWhenSent(Done&& done) {
  if (done_.size() == done_.capacity()) GrowDone();
  due_at_.push_back(appended_);
  done_.push_back(std::move(done));
}

void OutboundQueue::GrowDone() {
  const size_t room = std::max<size_t>(2 * done_.size(), 4);
  done_.reserve(room);
  RecountDone();
  due_at_.reserve(room);
  RecountDone();
}

size_t OutboundQueue::Gather(absl::Span<iovec> pieces) const {
  size_t count = 0;
  for (const Piece* piece = front_; piece != nullptr && count < pieces.size();
       piece = piece->next) {
    if (piece->kind == Kind::kFile) break;
    pieces[count++] = {const_cast<char*>(piece->begin), LengthOf(*piece)};
  }
  return count;
}

bool OutboundQueue::FrontFile(File* file) const {
  if (front_ == nullptr || front_->kind != Kind::kFile) return false;
  const auto* piece = static_cast<const FilePiece*>(front_);
  *file = {piece->file->fd.get(), piece->offset, std::min(piece->length, kFileBytesPerCall)};
  return true;
}

void OutboundQueue::ConsumeSlow(size_t n) {
  while (n > 0) {
    RONDO_CHECK(front_ != nullptr);
    const size_t taken = std::min(n, LengthOf(*front_));
    if (front_->kind == Kind::kFile) {
      auto* piece = static_cast<FilePiece*>(front_);
      piece->offset += static_cast<int64_t>(taken);
      piece->length -= taken;
    } else {
      front_->begin += taken;
      memory_bytes_ -= taken;
    }
    n -= taken;
    if (LengthOf(*front_) == 0) PopFront();
  }
}

size_t OutboundQueue::due_dones() const {
  const auto begin = due_at_.begin() + static_cast<std::ptrdiff_t>(next_done_);
  return static_cast<size_t>(std::upper_bound(begin, due_at_.end(), consumed_) - begin);
}

OutboundQueue::Done OutboundQueue::TakeDueDone() {
  Done done = std::move(done_[next_done_++]);
  // Some may always wait, on a connection that is never idle: taken ones are erased nevertheless.
  // Once they are the greater half, so that each entry is moved about once.
  if (next_done_ > done_.size() / 2) DropDone(next_done_);
  return done;
}

std::vector<OutboundQueue::Done> OutboundQueue::TakeAllDone() {
  DropDone(next_done_);
  due_at_.clear();
  std::vector<Done> all = std::exchange(done_, {});
  RecountDone();
  return all;
}

void OutboundQueue::DropDone(size_t count) {
  done_.erase(done_.begin(), done_.begin() + static_cast<std::ptrdiff_t>(count));
  due_at_.erase(due_at_.begin(), due_at_.begin() + static_cast<std::ptrdiff_t>(count));
  next_done_ = 0;
  if (!done_.empty() || done_.capacity() <= kDoneKept) return;
  std::vector<Done>().swap(done_);
  std::vector<uint64_t>().swap(due_at_);
  RecountDone();
}

void OutboundQueue::RecountDone() {
  const size_t now = done_.capacity() * sizeof(Done) + due_at_.capacity() * sizeof(uint64_t);
  if (now == done_bytes_) return;
  pool_.UncountBeside(done_bytes_);
  pool_.CountBeside(now);
  done_bytes_ = now;
}

void OutboundQueue::Clear() {
  while (front_ != nullptr) PopFront();
  memory_bytes_ = 0;
  // Both restart at 0. Setting consumed_ to appended_ would let unsent files accumulate until the
  // sum overflows.
  appended_ = consumed_ = 0;
}

size_t OutboundQueue::LengthOf(const Piece& piece) {
  if (piece.kind == Kind::kFile) return static_cast<const FilePiece&>(piece).length;
  return static_cast<size_t>(piece.end - piece.begin);
}

OutboundQueue::Piece* OutboundQueue::NewChunk(size_t bytes) {
  const size_t wanted = std::clamp(bytes + sizeof(Piece), kChunkBytes, ChunkPool::kLargestBytes);
  const size_t block_bytes = ChunkPool::BlockBytes(wanted);
  return MakeChunk(pool_.Borrow(block_bytes), block_bytes);
}

OutboundQueue::Piece* OutboundQueue::MakeChunk(void* block, size_t block_bytes) {
  auto* chunk = new (block) Piece{Kind::kChunk};
  chunk->begin = chunk->end = DataOf(chunk);
  chunk->limit = static_cast<char*>(block) + block_bytes;
  return chunk;
}

OutboundQueue::Piece* OutboundQueue::NewChunks(size_t bytes) {
  Piece* first = nullptr;
  try {
    for (Piece** last = &first; bytes > 0; last = &(*last)->next) {
      *last = NewChunk(bytes);
      bytes -= std::min(bytes, static_cast<size_t>((*last)->limit - (*last)->end));
    }
  } catch (const std::bad_alloc&) {
    while (first != nullptr) ReturnChunk(std::exchange(first, first->next));
    throw;
  }
  return first;
}

void OutboundQueue::ReturnChunk(Piece* chunk) { pool_.Return(chunk, HeldBy(*chunk)); }

void OutboundQueue::ReleaseFile(OpenFile& file) {
  --files_;
  if (--file.pieces > 0) return;
  OpenFile** link = &open_files_;
  while (*link != &file) link = &(*link)->next;
  *link = file.next;
  --descriptors_;
  pool_.UncountBeside(sizeof(OpenFile));
  delete &file;
}

size_t OutboundQueue::HeldBy(const Piece& piece) {
  switch (piece.kind) {
    case Kind::kChunk:
      return static_cast<size_t>(piece.limit - reinterpret_cast<const char*>(&piece));
    case Kind::kString:
      return sizeof(StringPiece) + static_cast<const StringPiece&>(piece).text.capacity();
    case Kind::kFile:
      return sizeof(FilePiece);
  }
  return 0;
}

void OutboundQueue::PushBack(Piece* piece) {
  // The chunk that an emptied queue has kept; no other piece is ever empty.
  if (front_ != nullptr && LengthOf(*front_) == 0) PopFront();
  (back_ == nullptr ? front_ : back_->next) = piece;
  back_ = piece;
  piece->next = nullptr;
  piece_bytes_ += HeldBy(*piece);
  pool_.CountBeside(HeldBeside(*piece));
}

void OutboundQueue::PopFront() {
  Piece* piece = front_;
  front_ = piece->next;
  if (front_ == nullptr) back_ = nullptr;
  piece_bytes_ -= HeldBy(*piece);
  pool_.UncountBeside(HeldBeside(*piece));
  switch (piece->kind) {
    case Kind::kChunk:
      return ReturnChunk(piece);
    case Kind::kString:
      delete static_cast<StringPiece*>(piece);
      return;
    case Kind::kFile:
      ReleaseFile(*static_cast<FilePiece*>(piece)->file);
      delete static_cast<FilePiece*>(piece);
      return;
  }
}

}  // namespace rondo::buffer
