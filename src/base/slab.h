// Slab<T, Owner> keeps the objects of one owner in slots: small numbers that stay valid names while
// the memory behind them comes and goes. It belongs to one loop and to its thread.
//
//   chunk, 64 KiB, aligned to its size:   | header | T | T | T | ...                          |
//   slot = chunk number * cells in a chunk + cell number
//
// An object costs its own size and nothing else: no table entry, no back pointer. Since chunks are
// aligned, the object's address alone leads to the header, and so to the owner and the slot. A
// chunk that has become empty goes back to the allocator, unless it is the only one with room.

#ifndef RONDO_BASE_SLAB_H_
#define RONDO_BASE_SLAB_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <utility>
#include <vector>

#include "base/check.h"

namespace rondo::base {

template <class T, class Owner>
class Slab {
 public:
  static constexpr size_t kChunkBytes = 64 << 10;
  // The header takes the first cell.
  static constexpr uint32_t kCells = kChunkBytes / sizeof(T);

  explicit Slab(Owner& owner) : owner_(owner) {}
  Slab(const Slab&) = delete;
  Slab& operator=(const Slab&) = delete;
  // REQUIRES: every object was destroyed.
  ~Slab() {
    RONDO_CHECK(size_ == 0);
    for (Header* chunk : chunks_) Release(chunk);
  }

  size_t size() const { return size_; }
  // Memory held, in bytes.
  size_t allocated_bytes() const { return allocated_chunks_ * kChunkBytes; }

  // When the constructor throws, or there is no memory, the slab is as it was.
  template <class... Arguments>
  T& Create(Arguments&&... arguments) {
    if (with_room_ == nullptr) AddChunk();
    Header* chunk = with_room_;
    Cell* const cell = chunk->free;
    Cell* const next = cell->next;
    T* object;
    try {
      object = new (cell) T(std::forward<Arguments>(arguments)...);
    } catch (...) {
      new (cell) Cell{.next = next};
      throw;
    }
    chunk->free = next;
    ++chunk->live;
    ++size_;
    if (chunk->free == nullptr) Unlink(chunk);
    return *object;
  }

  void Destroy(T& object) {
    Header* chunk = HeaderOf(object);
    object.~T();
    auto* cell = reinterpret_cast<Cell*>(&object);
    // Slot lookup reads a free cell's generation; what is left there must not look alive.
    new (cell) Cell{.next = chunk->free};
    const bool was_full = chunk->free == nullptr;
    chunk->free = cell;
    --chunk->live;
    --size_;
    if (was_full) Link(chunk);
    if (chunk->live == 0 && (chunk->next != nullptr || with_room_ != chunk)) RemoveChunk(chunk);
  }

  // What lies in `slot`; null when its chunk is gone. A free cell is all zero where T has its
  // first word, so the caller tells by a generation of its own that starts at 1.
  // REQUIRES: SlotOf has returned `slot` before.
  const T* At(uint32_t slot) const {
    const Header* chunk = chunks_[slot / kCells];
    if (chunk == nullptr) [[unlikely]] return nullptr;
    return reinterpret_cast<const T*>(chunk) + slot % kCells;
  }
  T* At(uint32_t slot) { return const_cast<T*>(std::as_const(*this).At(slot)); }

  static Owner& OwnerOf(const T& object) { return *HeaderOf(object)->owner; }
  static uint32_t SlotOf(const T& object) {
    const Header* chunk = HeaderOf(object);
    const auto cell = static_cast<uint32_t>(&object - reinterpret_cast<const T*>(chunk));
    return chunk->number * kCells + cell;
  }

  // Calls `visit` for each object. It may create and destroy objects; created ones may or may not
  // be visited.
  template <class Visit>
  void ForEach(Visit&& visit) {
    for (size_t i = 0; i < chunks_.size(); ++i) {
      for (uint32_t cell = 1; cell < kCells && chunks_[i] != nullptr; ++cell) {
        T* object = reinterpret_cast<T*>(chunks_[i]) + cell;
        if (Occupied(object)) visit(*object);
      }
    }
  }

 private:
  // What a free cell holds. `zero` lies over the first word of T, which is never zero in a live T.
  struct Cell {
    uint64_t zero = 0;
    Cell* next;
  };
  struct Header {
    Owner* owner;
    Cell* free;
    Header* next;      // among those with room
    Header* previous;  // among those with room
    uint32_t number;
    uint32_t live;
  };
  static_assert(sizeof(T) >= sizeof(Header) && sizeof(T) >= sizeof(Cell));

  // The first eight bytes of a T are never all zero while it lives (T::kFirstWordIsNeverZero).
  static bool Occupied(const T* object) {
    static_assert(T::kFirstWordIsNeverZero);
    uint64_t first_word;
    std::memcpy(&first_word, object, sizeof first_word);
    return first_word != 0;
  }
  static Header* HeaderOf(const T& object) {
    return reinterpret_cast<Header*>(reinterpret_cast<uintptr_t>(&object) & ~(kChunkBytes - 1));
  }

  void Link(Header* chunk) {
    chunk->previous = nullptr;
    chunk->next = with_room_;
    if (with_room_ != nullptr) with_room_->previous = chunk;
    with_room_ = chunk;
  }
  void Unlink(Header* chunk) {
    if (chunk->previous != nullptr) chunk->previous->next = chunk->next;
    if (chunk->next != nullptr) chunk->next->previous = chunk->previous;
    if (with_room_ == chunk) with_room_ = chunk->next;
    chunk->next = chunk->previous = nullptr;
  }

  void AddChunk() {
    uint32_t number = 0;
    while (number < chunks_.size() && chunks_[number] != nullptr) ++number;
    if (number == chunks_.size()) chunks_.push_back(nullptr);
    void* memory = ::operator new(kChunkBytes, std::align_val_t{kChunkBytes});
    auto* chunk = new (memory) Header{&owner_, nullptr, nullptr, nullptr, number, 0};
    for (uint32_t cell = kCells - 1; cell > 0; --cell) {
      chunk->free = new (reinterpret_cast<T*>(memory) + cell) Cell{.next = chunk->free};
    }
    chunks_[number] = chunk;
    ++allocated_chunks_;
    Link(chunk);
  }
  void RemoveChunk(Header* chunk) {
    Unlink(chunk);
    chunks_[chunk->number] = nullptr;
    --allocated_chunks_;
    Release(chunk);
  }
  static void Release(Header* chunk) {
    if (chunk != nullptr) ::operator delete(chunk, std::align_val_t{kChunkBytes});
  }

  Owner& owner_;
  std::vector<Header*> chunks_;
  Header* with_room_ = nullptr;
  size_t size_ = 0;
  size_t allocated_chunks_ = 0;
};

}  // namespace rondo::base

#endif  // RONDO_BASE_SLAB_H_
