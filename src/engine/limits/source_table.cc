#include "engine/limits/source_table.h"

#include <new>
#include <string_view>
#include <utility>

#include "base/check.h"
#include "base/sip_hash.h"
#include "base/source.h"

namespace rondo::engine {

SourceTable::SourceTable(size_t limit, uint64_t seed)
    : limit_(limit), seed_(seed), parts_(limit > 0 ? new Part[kParts] : nullptr) {}

SourceTable::~SourceTable() = default;

SourceTable::Result SourceTable::Enter(const SocketAddress& peer) {
  if (limit_ == 0) return Result::kCounted;
  const Key source = KeyOf(peer);
  if (source == 0) return Result::kCounted;
  const uint64_t hash = HashOf(source);
  Part& part = PartOf(hash);
  absl::MutexLock lock(&part.mutex);
  if (part.used > 0) {
    Entry& entry = Find(part, source, hash);
    if (entry.connections >= limit_) return Result::kFull;
    if (entry.connections > 0) {
      ++entry.connections;
      return Result::kCounted;
    }
  }
  if (!Reserve(part)) return Result::kNoMemory;
  Find(part, source, hash) = {.source = source, .connections = 1};
  ++part.used;
  return Result::kCounted;
}

void SourceTable::Leave(const SocketAddress& peer) {
  if (limit_ == 0) return;
  const Key source = KeyOf(peer);
  if (source == 0) return;
  const uint64_t hash = HashOf(source);
  Part& part = PartOf(hash);
  absl::MutexLock lock(&part.mutex);
  RONDO_CHECK(part.used > 0);
  Entry& entry = Find(part, source, hash);
  RONDO_CHECK(entry.connections > 0);
  if (--entry.connections == 0) Erase(part, entry);
}

// An IPv4 address, and ::/64, have the number of a multicast network, in which no peer is. Where
// the kernel did not say who the peer is, a connection has the address `::`.
SourceTable::Key SourceTable::KeyOf(const SocketAddress& peer) {
  if (peer.host_bytes().find_first_not_of('\0') == std::string_view::npos) return 0;
  const std::string_view source = base::SourceOf(peer);
  constexpr Key kMulticast = Key{0xff} << 56;
  Key key = 0;
  for (const char byte : source) key = key << 8 | static_cast<unsigned char>(byte);
  if (source.size() == 4) return kMulticast | key;
  return key != 0 ? key : ~Key{0};
}

uint64_t SourceTable::HashOf(Key source) const { return base::SipHash(seed_).Of(source); }

SourceTable::Entry& SourceTable::Find(const Part& part, Key source, uint64_t hash) const {
  const size_t mask = part.capacity - 1;
  size_t index = hash & mask;
  // One is always free.
  while (part.entries[index].connections > 0 && part.entries[index].source != source) {
    index = (index + 1) & mask;
  }
  return part.entries[index];
}

bool SourceTable::Reserve(Part& part) const {
  if (part.used < part.capacity / 4 * 3) return true;
  if (Resize(part, part.capacity == 0 ? kLeastCapacity : 2 * part.capacity)) return true;
  // Slower than it should be, and still right.
  return part.used + 1 < part.capacity;
}

bool SourceTable::Resize(Part& part, size_t capacity) const {
  std::unique_ptr<Entry[]> before(new (std::nothrow) Entry[capacity]);
  if (before == nullptr) return false;
  part.entries.swap(before);
  const size_t count = std::exchange(part.capacity, capacity);
  for (size_t i = 0; i < count; ++i) {
    const Entry& entry = before[i];
    if (entry.connections > 0) Find(part, entry.source, HashOf(entry.source)) = entry;
  }
  return true;
}

void SourceTable::Erase(Part& part, Entry& entry) const {
  const size_t mask = part.capacity - 1;
  auto hole = static_cast<size_t>(&entry - part.entries.get());
  for (size_t i = (hole + 1) & mask; part.entries[i].connections > 0; i = (i + 1) & mask) {
    const size_t home = HashOf(part.entries[i].source) & mask;
    // It may move up unless its home lies behind the hole.
    if (((i - home) & mask) < ((i - hole) & mask)) continue;
    part.entries[hole] = part.entries[i];
    hole = i;
  }
  part.entries[hole] = {};
  --part.used;
  // Without memory to make it smaller it stays as large as it is.
  if (part.capacity > kLeastCapacity && part.used < part.capacity / 8) {
    (void)Resize(part, part.capacity / 2);
  }
}

size_t SourceTable::size() const {
  size_t count = 0;
  for (size_t i = 0; parts_ != nullptr && i < kParts; ++i) {
    absl::MutexLock lock(&parts_[i].mutex);
    count += parts_[i].used;
  }
  return count;
}

size_t SourceTable::bytes() const {
  size_t bytes = parts_ != nullptr ? kParts * sizeof(Part) : 0;
  for (size_t i = 0; parts_ != nullptr && i < kParts; ++i) {
    absl::MutexLock lock(&parts_[i].mutex);
    bytes += parts_[i].capacity * sizeof(Entry);
  }
  return bytes;
}

}  // namespace rondo::engine
