#include "redis/commands.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <variant>

#include "redis/reply.h"
#include "redis/store.h"

namespace examples {
namespace {

using std::string_view;
using Map = RedisStore::Map;
using List = RedisStore::List;

constexpr string_view kWrongType =
    "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n";
constexpr string_view kNotANumber = "-ERR value is not an integer or out of range\r\n";
constexpr string_view kSyntaxError = "-ERR syntax error\r\n";
constexpr string_view kOk = "+OK\r\n";
constexpr string_view kNil = "$-1\r\n";

// An integer as Redis writes it: without "+", leading zeros and "-0".
bool ParseInteger(string_view text, int64_t* value) {
  const string_view digits = text.substr(text.starts_with('-'));
  if (digits.starts_with('0') && text != "0") return false;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *value);
  return error == std::errc() && end == text.data() + text.size();
}

void WrongCount(string_view command, Reply& reply) {
  reply.Raw("-ERR wrong number of arguments for '");
  reply.Quote(command);
  reply.Raw("' command\r\n");
}

// Whether the reply that began at `before` is too long; it is an error then.
bool TooLong(size_t before, Reply& reply) {
  if (reply.size() - before <= kMostReplyBytes) return false;
  reply.ShortenTo(before);
  reply.Raw("-ERR the reply would be longer than 32 MiB\r\n");
  return true;
}

}  // namespace

void Commands::Run(const Arguments& words, size_t& database, Reply& reply) {
  store_ = &databases_[database];
  const size_t count = words.size();
  switch (CommandName(words[0])) {
    case CommandName("GET"):
      return count == 2 ? Get(words[1], reply) : WrongCount(words[0], reply);
    case CommandName("SET"):
      if (count != 3) return count < 3 ? WrongCount(words[0], reply) : SetIf(words, reply);
      Store(words[1], words[2]);
      return reply.Raw(kOk);
    case CommandName("INCR"):
      return count == 2 ? Add(words[1], 1, reply) : WrongCount(words[0], reply);
    case CommandName("DECR"):
      return count == 2 ? Add(words[1], -1, reply) : WrongCount(words[0], reply);
    case CommandName("LPUSH"):
    case CommandName("RPUSH"):
      return count >= 3 ? Push(words, reply) : WrongCount(words[0], reply);
    case CommandName("LPOP"):
    case CommandName("RPOP"):
      if (count == 3) return PopMany(words, reply);
      return count == 2 ? Pop(words, reply) : WrongCount(words[0], reply);
    case CommandName("LLEN"):
      return count == 2 ? Length(words[1], reply) : WrongCount(words[0], reply);
    case CommandName("LRANGE"):
      return count == 4 ? Range(words, reply) : WrongCount(words[0], reply);
    case CommandName("MSET"):
      return count % 2 == 1 && count > 1 ? SetAll(words, reply) : WrongCount(words[0], reply);
    case CommandName("MGET"):
      return count >= 2 ? GetAll(words, reply) : WrongCount(words[0], reply);
    case CommandName("DEL"):
      return count >= 2 ? Delete(words, reply) : WrongCount(words[0], reply);
    case CommandName("EXISTS"):
      return count >= 2 ? Exists(words, reply) : WrongCount(words[0], reply);
    case CommandName("PING"):
      if (count > 2) return WrongCount(words[0], reply);
      return count == 2 ? reply.Bulk(words[1]) : reply.Raw("+PONG\r\n");
    default:
      return RunRare(words, database, reply);
  }
}

void Commands::RunRare(const Arguments& words, size_t& database, Reply& reply) {
  const size_t count = words.size();
  switch (CommandName(words[0])) {
    case CommandName("ECHO"):
      return count == 2 ? reply.Bulk(words[1]) : WrongCount(words[0], reply);
    case CommandName("DBSIZE"):
      return count == 1 ? CountKeys(reply) : WrongCount(words[0], reply);
    case CommandName("FLUSHALL"):
    case CommandName("FLUSHDB"):
      return Flush(words, reply);
    case CommandName("SELECT"):
      return count == 2 ? Select(words[1], database, reply) : WrongCount(words[0], reply);
    case CommandName("CLIENT"):
      if (count < 2) return WrongCount(words[0], reply);
      if (CommandName(words[1]) != CommandName("SETNAME")) break;
      return count == 3 ? reply.Raw(kOk) : WrongCount(words[0], reply);
    // Sent first by redis-cli and redis-benchmark, which can do without the answer.
    case CommandName("COMMAND"):
      return reply.Raw("*0\r\n");
    case CommandName("INFO"):
      return reply.Bulk("# Server\r\nserver_name:rondo\r\n");
    case CommandName("CONFIG"):
      if (count < 2) return WrongCount(words[0], reply);
      if (CommandName(words[1]) != CommandName("GET")) break;
      if (count < 3) return WrongCount(words[0], reply);
      return Config(words[2], reply);
    default:
      break;
  }
  reply.Raw("-ERR unknown command '");
  reply.Quote(words[0]);
  reply.Raw("'\r\n");
}

void Commands::Get(string_view key, Reply& reply) {
  store_->With(key, [&](const Map& map) {
    const auto found = map.find(key);
    if (found == map.end()) return reply.Raw(kNil);
    const auto* text = std::get_if<std::string>(&found->second);
    return text == nullptr ? reply.Raw(kWrongType) : reply.Bulk(*text);
  });
}

// What is no string counts as missing.
void Commands::GetAll(const Arguments& words, Reply& reply) {
  const size_t before = reply.size();
  reply.Header('*', static_cast<int64_t>(words.size()) - 1);
  for (size_t i = 1; i < words.size(); ++i) {
    store_->With(words[i], [&](const Map& map) {
      const auto found = map.find(words[i]);
      const auto* text =
          found == map.end() ? nullptr : std::get_if<std::string>(&found->second);
      return text == nullptr ? reply.Raw(kNil) : reply.Bulk(*text);
    });
    if (TooLong(before, reply)) return;
  }
}

void Commands::Store(string_view key, string_view value) {
  store_->With(key, [&](Map& map) {
    auto& slot = map[key];
    if (auto* text = std::get_if<std::string>(&slot)) {
      text->assign(value);
    } else {
      slot = std::string(value);
    }
  });
}

// SET with the options NX, XX, GET and KEEPTTL.
void Commands::SetIf(const Arguments& words, Reply& reply) {
  bool if_missing = false, if_there = false, get = false;
  for (size_t i = 3; i < words.size(); ++i) {
    const uint64_t option = CommandName(words[i]);
    if_missing |= option == CommandName("NX");
    if_there |= option == CommandName("XX");
    get |= option == CommandName("GET");
    const bool known = option == CommandName("NX") || option == CommandName("XX") ||
                       option == CommandName("GET") || option == CommandName("KEEPTTL");
    if (!known || (if_missing && if_there)) return reply.Raw(kSyntaxError);
  }
  store_->With(words[1], [&](Map& map) {
    const auto found = map.find(words[1]);
    const bool there = found != map.end();
    if (get && there) {
      const auto* text = std::get_if<std::string>(&found->second);
      if (text == nullptr) return reply.Raw(kWrongType);
      reply.Bulk(*text);
    }
    const bool refused = there ? if_missing : if_there;
    if (!refused) map.insert_or_assign(words[1], std::string(words[2]));
    if (get && there) return;
    reply.Raw(get || refused ? kNil : kOk);
  });
}

// One key after the other: another client may see some of them set and not the others.
void Commands::SetAll(const Arguments& words, Reply& reply) {
  for (size_t i = 1; i < words.size(); i += 2) Store(words[i], words[i + 1]);
  reply.Raw(kOk);
}

void Commands::Add(string_view key, int64_t difference, Reply& reply) {
  store_->With(key, [&](Map& map) {
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

void Commands::Push(const Arguments& words, Reply& reply) {
  const bool left = (words[0][0] | 0x20) == 'l';
  store_->With(words[1], [&](Map& map) {
    auto* list = std::get_if<List>(&map.try_emplace(words[1], List()).first->second);
    if (list == nullptr) return reply.Raw(kWrongType);
    for (size_t i = 2; i < words.size(); ++i) {
      left ? list->emplace_front(words[i]) : list->emplace_back(words[i]);
    }
    reply.Integer(static_cast<int64_t>(list->size()));
  });
}

void Commands::Pop(const Arguments& words, Reply& reply) {
  const bool left = (words[0][0] | 0x20) == 'l';
  store_->With(words[1], [&](Map& map) {
    const auto found = map.find(words[1]);
    if (found == map.end()) return reply.Raw(kNil);
    auto* list = std::get_if<List>(&found->second);
    if (list == nullptr) return reply.Raw(kWrongType);
    reply.Bulk(left ? list->front() : list->back());
    left ? list->pop_front() : list->pop_back();
    if (list->empty()) map.erase(found);
  });
}

// With a count: as many as there are, at most that many.
void Commands::PopMany(const Arguments& words, Reply& reply) {
  const bool left = (words[0][0] | 0x20) == 'l';
  int64_t count;
  if (!ParseInteger(words[2], &count) || count < 0) {
    return reply.Raw("-ERR value is out of range, must be positive\r\n");
  }
  store_->With(words[1], [&](Map& map) {
    const auto found = map.find(words[1]);
    if (found == map.end()) return reply.Raw("*-1\r\n");
    auto* list = std::get_if<List>(&found->second);
    if (list == nullptr) return reply.Raw(kWrongType);
    const size_t all = std::min(list->size(), static_cast<size_t>(count));
    const size_t before = reply.size();
    reply.Header('*', static_cast<int64_t>(all));
    for (size_t i = 0; i < all; ++i) {
      reply.Bulk(left ? (*list)[i] : (*list)[list->size() - 1 - i]);
      // Nothing is taken then.
      if (TooLong(before, reply)) return;
    }
    const auto taken = static_cast<ptrdiff_t>(all);
    left ? list->erase(list->begin(), list->begin() + taken)
         : list->erase(list->end() - taken, list->end());
    if (list->empty()) map.erase(found);
  });
}

void Commands::Length(string_view key, Reply& reply) {
  store_->With(key, [&](const Map& map) {
    const auto found = map.find(key);
    if (found == map.end()) return reply.Integer(0);
    const auto* list = std::get_if<List>(&found->second);
    if (list == nullptr) return reply.Raw(kWrongType);
    reply.Integer(static_cast<int64_t>(list->size()));
  });
}

void Commands::Range(const Arguments& words, Reply& reply) {
  int64_t first;
  int64_t last;
  if (!ParseInteger(words[2], &first) || !ParseInteger(words[3], &last)) {
    return reply.Raw(kNotANumber);
  }
  store_->With(words[1], [&](const Map& map) {
    const auto found = map.find(words[1]);
    if (found == map.end()) return reply.Raw("*0\r\n");
    const auto* list = std::get_if<List>(&found->second);
    if (list == nullptr) return reply.Raw(kWrongType);
    // Cut down to the list before anything is added: the ends may be any 64-bit numbers.
    const int64_t size = static_cast<int64_t>(list->size());
    const int64_t begin = first < 0 ? std::max<int64_t>(size + first, 0) : std::min(first, size);
    const int64_t end = last < 0 ? size + last + 1 : std::min(last, size - 1) + 1;
    const size_t before = reply.size();
    reply.Header('*', std::max<int64_t>(end - begin, 0));
    for (int64_t i = begin; i < end; ++i) {
      reply.Bulk((*list)[static_cast<size_t>(i)]);
      if (TooLong(before, reply)) return;
    }
  });
}

void Commands::Delete(const Arguments& words, Reply& reply) {
  size_t deleted = 0;
  for (size_t i = 1; i < words.size(); ++i) {
    deleted += store_->With(words[i], [&](Map& map) { return map.erase(words[i]); });
  }
  reply.Integer(static_cast<int64_t>(deleted));
}

void Commands::Exists(const Arguments& words, Reply& reply) {
  size_t found = 0;
  for (size_t i = 1; i < words.size(); ++i) {
    found += store_->With(words[i], [&](const Map& map) { return map.count(words[i]); });
  }
  reply.Integer(static_cast<int64_t>(found));
}

// What redis-benchmark prints: that nothing is written to disk.
void Commands::Config(string_view name, Reply& reply) {
  if (name != "save" && name != "appendonly") return reply.Raw("*0\r\n");
  reply.Header('*', 2);
  reply.Bulk(name);
  reply.Bulk(name == "save" ? "" : "no");
}

void Commands::CountKeys(Reply& reply) {
  size_t keys = 0;
  store_->WithEach([&](const Map& map) { keys += map.size(); });
  reply.Integer(static_cast<int64_t>(keys));
}

void Commands::Flush(const Arguments& words, Reply& reply) {
  const uint64_t how = words.size() == 1 ? CommandName("SYNC") : CommandName(words[1]);
  if (words.size() > 2 || (how != CommandName("SYNC") && how != CommandName("ASYNC"))) {
    return reply.Raw(kSyntaxError);
  }
  const auto clear = [](Map& map) { map.clear(); };
  if (CommandName(words[0]) == CommandName("FLUSHDB")) {
    store_->WithEach(clear);
  } else {
    for (RedisStore& store : databases_) store.WithEach(clear);
  }
  reply.Raw(kOk);
}

void Commands::Select(string_view number, size_t& database, Reply& reply) {
  int64_t index;
  if (!ParseInteger(number, &index)) return reply.Raw(kNotANumber);
  if (index < 0 || index >= static_cast<int64_t>(databases_.size())) {
    return reply.Raw("-ERR DB index is out of range\r\n");
  }
  database = static_cast<size_t>(index);
  reply.Raw(kOk);
}

}  // namespace examples
