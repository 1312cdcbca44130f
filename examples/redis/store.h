// What the Redis example remembers, in each of its databases: a map of strings and lists in shards.
// Any thread: each shard has a lock, held for one operation on one key.

#ifndef RONDO_EXAMPLES_REDIS_STORE_H_
#define RONDO_EXAMPLES_REDIS_STORE_H_

#include <array>
#include <cstddef>
#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"

namespace examples {

class RedisStore {
 public:
  using List = std::deque<std::string>;
  using Value = std::variant<std::string, List>;
  // std::string_view goes in without a copy; Abseil's own hash takes only its own view.
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view key) const { return std::hash<std::string_view>()(key); }
  };
  using Map = absl::flat_hash_map<std::string, Value, Hash, std::equal_to<>>;

  // Calls `visit(map)` with the map that `key` belongs to, and returns what it returns.
  template <class Visit>
  auto With(std::string_view key, Visit visit) {
    // The map uses the low bits.
    Shard& shard = shards_[Hash()(key) >> 58];
    absl::MutexLock lock(&shard.mutex);
    return visit(shard.map);
  }
  // Calls `visit(map)` for each map in turn.
  template <class Visit>
  void WithEach(Visit visit) {
    for (Shard& shard : shards_) {
      absl::MutexLock lock(&shard.mutex);
      visit(shard.map);
    }
  }

 private:
  struct alignas(64) Shard {
    absl::Mutex mutex;
    Map map;
  };
  std::array<Shard, 64> shards_;
};

// As many as redis-server has by default; SELECT chooses one.
using RedisDatabases = std::array<RedisStore, 16>;

}  // namespace examples

#endif  // RONDO_EXAMPLES_REDIS_STORE_H_
