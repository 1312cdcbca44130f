// SourceTable counts the connections of each source (base/source.h) against
// Options::max_connections_per_source. Any thread.
//
// An entry lives exactly as long as its source has a connection: many sources can push none of them
// out, and the table is as large as their connections allow. Its hash has a secret key, so that
// peers cannot choose addresses which collide. Nothing in it is dearer than moving one of its parts
// to a larger or smaller place, which happens once in many calls: it has as many parts as keep that
// short with a million sources.
//
// An entry is 16 bytes, and between 1/8 and 3/4 of them are in use: 21 to 128 bytes a source, the
// least while the table grows. Without a limit it counts nothing and takes no memory.

#ifndef RONDO_ENGINE_LIMITS_SOURCE_TABLE_H_
#define RONDO_ENGINE_LIMITS_SOURCE_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

#include "rondo/socket_address.h"

namespace rondo::engine {

class SourceTable {
 public:
  // 0: no limit. The key of the hash is `seed`.
  SourceTable(size_t limit, uint64_t seed);
  ~SourceTable();
  SourceTable(const SourceTable&) = delete;
  SourceTable& operator=(const SourceTable&) = delete;

  enum class Result { kCounted, kFull, kNoMemory };
  // Counts one connection more of the source of `peer`, if the limit and the memory allow it.
  Result Enter(const SocketAddress& peer);
  // It has ended. REQUIRES: Enter has counted it, and no Leave has.
  void Leave(const SocketAddress& peer);

  // Sources that are counted, and the bytes of memory that this takes.
  size_t size() const;
  size_t bytes() const;

 private:
  // What stands for a source, as a number. 0: none.
  using Key = uint64_t;
  struct Entry {
    Key source = 0;
    // 0: the entry is free.
    uint64_t connections = 0;
  };
  // Open addressing by linear probing, without tombstones; `capacity` is 0 or a power of two.
  struct alignas(64) Part {
    mutable absl::Mutex mutex;
    std::unique_ptr<Entry[]> entries ABSL_GUARDED_BY(mutex);
    size_t capacity ABSL_GUARDED_BY(mutex) = 0;
    size_t used ABSL_GUARDED_BY(mutex) = 0;
  };
  static constexpr size_t kParts = 16;
  static constexpr size_t kLeastCapacity = 8;

  static Key KeyOf(const SocketAddress& peer);
  uint64_t HashOf(Key source) const;
  Part& PartOf(uint64_t hash) const { return parts_[hash >> 60]; }
  // The entry of `source`, or the free one where it belongs.
  Entry& Find(const Part& part, Key source, uint64_t hash) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(part.mutex);
  // Makes room for one more. False when there is none and no memory for it.
  bool Reserve(Part& part) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(part.mutex);
  // False without memory; then all is as before.
  bool Resize(Part& part, size_t capacity) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(part.mutex);
  // Frees `entry`, and moves those up that could not have their place because of it.
  void Erase(Part& part, Entry& entry) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(part.mutex);

  const size_t limit_;
  const uint64_t seed_;
  // None without a limit.
  const std::unique_ptr<Part[]> parts_;
};

}  // namespace rondo::engine

#endif  // RONDO_ENGINE_LIMITS_SOURCE_TABLE_H_
