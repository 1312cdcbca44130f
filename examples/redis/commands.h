// The commands of the Redis example. Each answers as redis-server answers the same words, but for
// the texts of errors. Options that make a key expire are not known; of CLIENT, COMMAND, CONFIG and
// INFO there is what redis-cli and redis-benchmark cannot do without.

#ifndef RONDO_EXAMPLES_REDIS_COMMANDS_H_
#define RONDO_EXAMPLES_REDIS_COMMANDS_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "redis/codec.h"
#include "redis/reply.h"
#include "redis/store.h"

namespace examples {

// Up to eight characters as a number, letters in upper case, for a switch; 0: no command.
constexpr uint64_t CommandName(std::string_view word) {
  uint64_t name = 0;
  if (word.size() > 8) return 0;
  for (const char c : word) {
    // It would vanish at the beginning.
    if (c == '\0') return 0;
    name = name << 8 | static_cast<unsigned char>(c >= 'a' && c <= 'z' ? c - 32 : c);
  }
  return name;
}

// Belongs to one loop; the databases are everybody's.
class Commands {
 public:
  using Arguments = RespCodec::Arguments;

  explicit Commands(RedisDatabases& databases) : databases_(databases) {}

  // Runs a command on the database of that number, which SELECT changes, and writes its reply into
  // `reply`.
  void Run(const Arguments& words, size_t& database, Reply& reply);

 private:
  void RunRare(const Arguments& words, size_t& database, Reply& reply);
  void Get(std::string_view key, Reply& reply);
  void GetAll(const Arguments& words, Reply& reply);
  void Store(std::string_view key, std::string_view value);
  void SetIf(const Arguments& words, Reply& reply);
  void SetAll(const Arguments& words, Reply& reply);
  void Add(std::string_view key, int64_t difference, Reply& reply);
  void Push(const Arguments& words, Reply& reply);
  void Pop(const Arguments& words, Reply& reply);
  void PopMany(const Arguments& words, Reply& reply);
  void Length(std::string_view key, Reply& reply);
  void Range(const Arguments& words, Reply& reply);
  void Delete(const Arguments& words, Reply& reply);
  void Exists(const Arguments& words, Reply& reply);
  void Config(std::string_view name, Reply& reply);
  void CountKeys(Reply& reply);
  void Flush(const Arguments& words, Reply& reply);
  void Select(std::string_view number, size_t& database, Reply& reply);

  RedisDatabases& databases_;
  // The database of the command that runs.
  RedisStore* store_ = nullptr;
};

}  // namespace examples

#endif  // RONDO_EXAMPLES_REDIS_COMMANDS_H_
