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
}

void OutboundQueue::AppendSlow(std::string_view bytes) {
  while (!bytes.empty()) {
    if (back_ == nullptr || back_->end == back_->limit) PushBack(NewChunk(bytes.size()));
    const size_t n = std::min(bytes.size(), static_cast<size_t>(back_->limit - back_->end));
    // Counted chunk by chunk: if the next one cannot be allocated, the sums are still right.
    Fill(bytes.substr(0, n));
    bytes.remove_prefix(n);
  }
}

void OutboundQueue::Append(std::string&& bytes) {
  if (bytes.size() < kChunkBytes) return Append(std::string_view(bytes));
  auto piece = std::make_unique<StringPiece>();
  piece->kind = Kind::kString;
  piece->text = std::move(bytes);
  piece->begin = piece->text.data();
  piece->end = piece->limit = piece->text.data() + piece->text.size();
  memory_bytes_ += piece->text.size();
  appended_ += piece->text.size();
  PushBack(piece.release());
}

void OutboundQueue::AppendFile(UniqueFd file, int64_t offset, size_t length) {
  RONDO_CHECK(length > 0 && MayFollow(total_bytes(), length));
  auto piece = std::make_unique<FilePiece>();
  piece->kind = Kind::kFile;
  piece->file = std::move(file);
  piece->offset = offset;
  piece->length = length;
  appended_ += length;
  ++files_;
  PushBack(piece.release());
}

void OutboundQueue::NotifyWhenSent(Done done) {
  done_.push_back({appended_, std::move(done)});
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
  *file = {piece->file.get(), piece->offset, std::min(piece->length, kFileBytesPerCall)};
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

OutboundQueue::Done OutboundQueue::TakeDueDone() {
  Done done = std::move(done_[next_done_++].done);
  // Some may always wait, on a connection that is never idle: taken ones are erased nevertheless.
  // Once they are the greater half, so that each entry is moved about once.
  if (next_done_ > done_.size() / 2) {
    done_.erase(done_.begin(), done_.begin() + static_cast<std::ptrdiff_t>(next_done_));
    next_done_ = 0;
  }
  return done;
}

std::vector<OutboundQueue::Done> OutboundQueue::TakeAllDone() {
  std::vector<Done> all;
  for (; next_done_ < done_.size(); ++next_done_) all.push_back(std::move(done_[next_done_].done));
  done_.clear();
  next_done_ = 0;
  return all;
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
  char* block = static_cast<char*>(pool_.Borrow(block_bytes));
  auto* chunk = new (block) Piece{Kind::kChunk};
  chunk->begin = chunk->end = DataOf(chunk);
  chunk->limit = block + block_bytes;
  return chunk;
}

void OutboundQueue::PushBack(Piece* piece) {
  // The chunk that an emptied queue has kept; no other piece is ever empty.
  if (front_ != nullptr && LengthOf(*front_) == 0) PopFront();
  (back_ == nullptr ? front_ : back_->next) = piece;
  back_ = piece;
}

void OutboundQueue::PopFront() {
  Piece* piece = front_;
  front_ = piece->next;
  if (front_ == nullptr) back_ = nullptr;
  switch (piece->kind) {
    case Kind::kChunk:
      return pool_.Return(piece,
                          static_cast<size_t>(piece->limit - reinterpret_cast<char*>(piece)));
    case Kind::kString:
      delete static_cast<StringPiece*>(piece);
      return;
    case Kind::kFile:
      delete static_cast<FilePiece*>(piece);
      --files_;
      return;
  }
}

}  // namespace rondo::buffer
