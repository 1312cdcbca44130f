// A small Redis: strings, counters and lists in memory, for redis-cli and redis-benchmark. It shows
// a codec of one's own (redis_codec.h), and data that all loops share (redis_store.h).
//
//   examples/run redis          in another terminal: redis-cli -p 7000
//                               or: redis-benchmark -p 7000 -t ping,set,get,incr,lpush,lpop,mset
//
// Nothing is written to disk and nothing expires.

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <variant>

#include "absl/flags/flag.h"
#include "absl/synchronization/mutex.h"

#include "rondo/framed_handler.h"
#include "rondo/rondo.h"

#include "redis_codec.h"
#include "redis_store.h"
#include "support/serve.h"
#include "support/server_flags.h"

namespace {

using examples::RedisStore;
using examples::RespCodec;
using rondo::Action;
using rondo::Connection;
using std::string_view;
using Map = RedisStore::Map;
using List = RedisStore::List;

constexpr size_t kLongestCommand = 8 << 20;
constexpr string_view kWrongType =
    "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n";
constexpr string_view kNotANumber = "-ERR value is not an integer or out of range\r\n";
constexpr string_view kNil = "$-1\r\n";

// Up to eight letters as a number, in upper case, for a switch.
constexpr uint64_t Name(string_view word) {
  uint64_t name = 0;
  if (word.size() > 8) return 0;
  for (const char c : word) name = name << 8 | static_cast<unsigned char>(c >= 'a' ? c - 32 : c);
  return name;
}

// What a reply of many values may be, half of what outbound_limit_bytes (ConnectionOptions) lets
// wait.
constexpr size_t kMostReplyBytes = 8 << 20;

// Replies, one behind the other. Kept by the handler, on whose loop alone it is used.
class Reply {
 public:
  void Raw(string_view text) { text_.append(text); }
  void Header(char kind, int64_t number) {
    char digits[24];
    const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
    text_.push_back(kind);
    text_.append(digits, end);
    text_.append("\r\n");
  }
  void Integer(int64_t number) { Header(':', number); }
  void Bulk(string_view text) {
    Header('$', static_cast<int64_t>(text.size()));
    text_.append(text);
    text_.append("\r\n");
  }
  void Clear() { text_.clear(); }
  size_t size() const { return text_.size(); }
  // Takes back what was written behind the first `size` bytes.
  void ShortenTo(size_t size) { text_.resize(size); }
  string_view text() const { return text_; }

 private:
  std::string text_;
};

bool ParseInteger(string_view text, int64_t* value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *value);
  return error == std::errc() && end == text.data() + text.size() && !text.empty();
}

// The commands, on a store and into a reply.
class Commands {
 public:
  using Arguments = RespCodec::Arguments;

  explicit Commands(RedisStore& store) : store_(store) {}

  // Runs a command and writes its reply into `reply`.
  void Run(const Arguments& words, Reply& reply) {
    const size_t count = words.size();
    switch (Name(words[0])) {
      case Name("GET"):
        return count == 2 ? Get(words[1], reply) : WrongCount(words[0], reply);
      case Name("SET"):
        return count == 3 ? Set(words[1], words[2], reply) : WrongCount(words[0], reply);
      case Name("INCR"):
        return count == 2 ? Add(words[1], 1, reply) : WrongCount(words[0], reply);
      case Name("DECR"):
        return count == 2 ? Add(words[1], -1, reply) : WrongCount(words[0], reply);
      case Name("LPUSH"):
      case Name("RPUSH"):
        return count >= 3 ? Push(words, reply) : WrongCount(words[0], reply);
      case Name("LPOP"):
      case Name("RPOP"):
        return count == 2 ? Pop(words, reply) : WrongCount(words[0], reply);
      case Name("LLEN"):
        return count == 2 ? Length(words[1], reply) : WrongCount(words[0], reply);
      case Name("LRANGE"):
        return count == 4 ? Range(words, reply) : WrongCount(words[0], reply);
      case Name("MSET"):
        return count % 2 == 1 && count > 1 ? SetAll(words, reply) : WrongCount(words[0], reply);
      case Name("MGET"):
        return GetAll(words, reply);
      case Name("DEL"):
        return Delete(words, reply);
      case Name("EXISTS"):
        return Exists(words, reply);
      default:
        return RunRare(words, reply);
    }
  }

 private:
  void RunRare(const Arguments& words, Reply& reply) {
    switch (Name(words[0])) {
      case Name("PING"):
        return words.size() > 1 ? reply.Bulk(words[1]) : reply.Raw("+PONG\r\n");
      case Name("ECHO"):
        return words.size() == 2 ? reply.Bulk(words[1]) : WrongCount(words[0], reply);
      case Name("DBSIZE"): {
        size_t keys = 0;
        store_.WithEach([&](const Map& map) { keys += map.size(); });
        return reply.Integer(static_cast<int64_t>(keys));
      }
      case Name("FLUSHALL"):
      case Name("FLUSHDB"):
        store_.WithEach([](Map& map) { map.clear(); });
        return reply.Raw("+OK\r\n");
      case Name("SELECT"):
      case Name("CLIENT"):
        return reply.Raw("+OK\r\n");
      // Sent first by redis-cli and redis-benchmark, which can do without the answer.
      case Name("COMMAND"):
        return reply.Raw("*0\r\n");
      case Name("INFO"):
        return reply.Bulk("# Server\r\nserver_name:rondo\r\n");
      case Name("CONFIG"):
        reply.Header('*', 2);
        reply.Bulk(words.back());
        return reply.Bulk("");
      default:
        reply.Raw("-ERR unknown command '");
        reply.Raw(words[0].substr(0, 64));
        return reply.Raw("'\r\n");
    }
  }

  void WrongCount(string_view command, Reply& reply) {
    reply.Raw("-ERR wrong number of arguments for '");
    reply.Raw(command);
    reply.Raw("' command\r\n");
  }

  void Get(string_view key, Reply& reply) {
    store_.With(key, [&](const Map& map) {
      const auto found = map.find(key);
      if (found == map.end()) return reply.Raw(kNil);
      const auto* text = std::get_if<std::string>(&found->second);
      return text == nullptr ? reply.Raw(kWrongType) : reply.Bulk(*text);
    });
  }

  // A short request may name one long value very often.
  void GetAll(const Arguments& words, Reply& reply) {
    const size_t before = reply.size();
    reply.Header('*', static_cast<int64_t>(words.size()) - 1);
    for (size_t i = 1; i < words.size(); ++i) {
      Get(words[i], reply);
      if (reply.size() - before > kMostReplyBytes) {
        reply.ShortenTo(before);
        return reply.Raw("-ERR the reply would be longer than 8 MiB\r\n");
      }
    }
  }

  void Store(string_view key, string_view value) {
    store_.With(key, [&](Map& map) {
      auto& slot = map[key];
      if (auto* text = std::get_if<std::string>(&slot)) {
        text->assign(value);
      } else {
        slot = std::string(value);
      }
    });
  }

  void Set(string_view key, string_view value, Reply& reply) {
    Store(key, value);
    reply.Raw("+OK\r\n");
  }

  // One key after the other: another client may see some of them set and not the others.
  void SetAll(const Arguments& words, Reply& reply) {
    for (size_t i = 1; i < words.size(); i += 2) Store(words[i], words[i + 1]);
    reply.Raw("+OK\r\n");
  }

  void Add(string_view key, int64_t difference, Reply& reply) {
    store_.With(key, [&](Map& map) {
      const auto [slot, added] = map.try_emplace(key, "0");
      auto* text = std::get_if<std::string>(&slot->second);
      if (text == nullptr) return reply.Raw(kWrongType);
      int64_t number;
      if (!ParseInteger(*text, &number) || __builtin_add_overflow(number, difference, &number)) {
        return reply.Raw(kNotANumber);
      }
      char digits[24];
      text->assign(digits, std::to_chars(digits, digits + sizeof digits, number).ptr);
      reply.Integer(number);
    });
  }

  void Push(const Arguments& words, Reply& reply) {
    const bool left = (words[0][0] | 0x20) == 'l';
    store_.With(words[1], [&](Map& map) {
      auto* list = std::get_if<List>(&map.try_emplace(words[1], List()).first->second);
      if (list == nullptr) return reply.Raw(kWrongType);
      for (size_t i = 2; i < words.size(); ++i) {
        left ? list->emplace_front(words[i]) : list->emplace_back(words[i]);
      }
      reply.Integer(static_cast<int64_t>(list->size()));
    });
  }

  void Pop(const Arguments& words, Reply& reply) {
    const bool left = (words[0][0] | 0x20) == 'l';
    store_.With(words[1], [&](Map& map) {
      const auto found = map.find(words[1]);
      if (found == map.end()) return reply.Raw(kNil);
      auto* list = std::get_if<List>(&found->second);
      if (list == nullptr) return reply.Raw(kWrongType);
      reply.Bulk(left ? list->front() : list->back());
      left ? list->pop_front() : list->pop_back();
      if (list->empty()) map.erase(found);
    });
  }

  void Length(string_view key, Reply& reply) {
    store_.With(key, [&](const Map& map) {
      const auto found = map.find(key);
      if (found == map.end()) return reply.Integer(0);
      const auto* list = std::get_if<List>(&found->second);
      if (list == nullptr) return reply.Raw(kWrongType);
      reply.Integer(static_cast<int64_t>(list->size()));
    });
  }

  void Range(const Arguments& words, Reply& reply) {
    int64_t first;
    int64_t last;
    if (!ParseInteger(words[2], &first) || !ParseInteger(words[3], &last)) {
      return reply.Raw(kNotANumber);
    }
    store_.With(words[1], [&](const Map& map) {
      const auto found = map.find(words[1]);
      if (found == map.end()) return reply.Raw("*0\r\n");
      const auto* list = std::get_if<List>(&found->second);
      if (list == nullptr) return reply.Raw(kWrongType);
      const int64_t size = static_cast<int64_t>(list->size());
      const int64_t begin = std::max<int64_t>(first < 0 ? size + first : first, 0);
      const int64_t end = std::min(last < 0 ? size + last : last, size - 1) + 1;
      reply.Header('*', std::max<int64_t>(end - begin, 0));
      for (int64_t i = begin; i < end; ++i) reply.Bulk((*list)[static_cast<size_t>(i)]);
    });
  }

  void Delete(const Arguments& words, Reply& reply) {
    size_t deleted = 0;
    for (size_t i = 1; i < words.size(); ++i) {
      deleted += store_.With(words[i], [&](Map& map) { return map.erase(words[i]); });
    }
    reply.Integer(static_cast<int64_t>(deleted));
  }

  void Exists(const Arguments& words, Reply& reply) {
    size_t found = 0;
    for (size_t i = 1; i < words.size(); ++i) {
      found += store_.With(words[i], [&](const Map& map) { return map.count(words[i]); });
    }
    reply.Integer(static_cast<int64_t>(found));
  }

  RedisStore& store_;
};

// One for each loop.
class Redis : public rondo::FramedHandler<RespCodec> {
 public:
  explicit Redis(RedisStore& store)
      : FramedHandler(RespCodec(rondo::MaxFrameBytes(kLongestCommand))), commands_(store) {}

  Action OnFrame(Connection& connection, string_view frame) override {
    RespCodec::Split(frame, words_);
    if (Name(words_[0]) == Name("QUIT")) {
      connection.Write("+OK\r\n");
      return Action::kClose;
    }
    reply_.Clear();
    commands_.Run(words_, reply_);
    // A client that sends requests and does not read replies is disconnected.
    return connection.Write(reply_.text()) == rondo::WriteResult::kRefused ? Action::kClose
                                                                           : Action::kNone;
  }

  Action OnFrameError(Connection& connection, const absl::Status& error) override {
    connection.Write("-ERR Protocol error: " + std::string(error.message()) + "\r\n");
    connection.Close(error);
    return Action::kNone;
  }

 private:
  Commands commands_;
  RespCodec::Arguments words_;
  Reply reply_;
};

}  // namespace

int main(int argc, char** argv) {
  examples::ParseFlags(argc, argv, "A small Redis. Try it: redis-cli -p 7000");
  // Debian's Abseil looks for deadlocks at each lock, for a tenth of the time that a command takes.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  RedisStore store;
  return examples::Serve([&](size_t) { return std::make_unique<Redis>(store); },
                         absl::GetFlag(FLAGS_address), examples::OptionsFromFlags());
}
