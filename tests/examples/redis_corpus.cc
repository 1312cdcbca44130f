#include "tests/examples/redis_corpus.h"

#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"

namespace rondo::testing {
namespace {

// Commands, one behind the other; each list is an input as lines and one as arrays of words.
constexpr const char* kCommands[] = {
    "PING", "ping", "PiNg", "PING hello", "PING a b", "ECHO", "ECHO x", "ECHO x y",
    "GET", "GET s", "GET n", "GET l", "GET missing", "GET s n", "get S", "SET", "SET a",
    "SET a b|GET a", "SET l b|GET l|LLEN l", "SET a b NX|GET a", "SET s b NX|GET s",
    "SET a b XX|GET a", "SET s b XX|GET s", "SET s b GET|GET s", "SET a b GET|GET a",
    "SET l b GET|LLEN l", "SET s b NX XX", "SET s b NX GET|GET s", "SET a b XX GET|GET a",
    "SET s b KEEPTTL", "SET s b nonsense", "set s b xx|get s",
    "INCR", "INCR n", "INCR n|INCR n|GET n", "INCR s", "INCR l", "INCR missing|GET missing",
    "INCR n 2", "DECR", "DECR n", "DECR missing", "DECR l", "DECR n n", "LPUSH", "LPUSH l",
    "LPUSH l x", "LPUSH l x y z|LRANGE l 0 -1", "LPUSH new x y|LRANGE new 0 -1", "LPUSH s x",
    "RPUSH", "RPUSH l", "RPUSH l x y|LRANGE l 0 -1", "RPUSH s x", "LPOP", "LPOP l",
    "LPOP l|LPOP l|LPOP l|LPOP l|LPOP l|LPOP l|EXISTS l", "LPOP missing", "LPOP s", "LPOP l 0",
    "LPOP l 2|LRANGE l 0 -1", "LPOP l 9|EXISTS l", "LPOP l -1", "LPOP l x", "LPOP l 1 2",
    "LPOP missing 2", "LPOP missing 0", "LPOP s 1", "LPOP missing x", "RPOP", "RPOP l",
    "RPOP l 2|LRANGE l 0 -1", "RPOP l 9|EXISTS l", "RPOP s", "RPOP l 1 2", "RPOP missing 2",
    "LLEN", "LLEN l", "LLEN s", "LLEN missing", "LLEN l l", "LRANGE", "LRANGE l", "LRANGE l 0",
    "LRANGE l 0 1 2", "LRANGE s 0 1", "LRANGE missing 0 1", "LRANGE s x 1", "LRANGE missing 0 x",
    "MSET", "MSET a", "MSET a 1", "MSET a 1 b", "MSET a 1 b 2|MGET a b", "MSET l 1|GET l",
    "MSET a 1 a 2|GET a", "MGET", "MGET s", "MGET s l n missing s", "MGET l", "DEL", "DEL s",
    "DEL s l n missing s", "DEL missing", "EXISTS", "EXISTS s", "EXISTS s s l missing",
    "DBSIZE", "DBSIZE x", "FLUSHALL|DBSIZE", "FLUSHDB|DBSIZE", "FLUSHALL sync", "FLUSHALL ASYNC",
    "FLUSHALL x|DBSIZE", "FLUSHDB sync sync|DBSIZE", "SELECT", "SELECT 0", "SELECT 1|GET s|DBSIZE",
    "SELECT 1|SET s other|SELECT 0|GET s|SELECT 1|GET s", "SELECT 15|DBSIZE", "SELECT 16|GET s",
    "SELECT -1", "SELECT 01", "SELECT x", "SELECT 0 0", "SELECT 4294967296",
    "SELECT 9223372036854775807", "SELECT 3|SET a b|FLUSHDB|DBSIZE|SELECT 0|DBSIZE",
    "SELECT 3|SET a b|SELECT 0|FLUSHALL|SELECT 3|DBSIZE", "CLIENT", "CLIENT SETNAME me",
    "CLIENT SETNAME", "CLIENT nonsense", "CONFIG", "CONFIG GET", "CONFIG GET nonsense",
    "CONFIG nonsense", "CONFIG GET save", "CONFIG GET appendonly", "QUIT", "quit", "QUIT|PING",
    "QUIT x|PING", "PING|QUIT|PING", "nonsense", "nonsense x y z|PING", "PINGPING", "PIN", "POST",
    "POST / HTTP/1.1", "host: x|PING", "GETGETGETGETGETGET s|PING",
};

// Numbers, and what is none.
constexpr const char* kNumbers[] = {
    "0", "1", "-1", "4", "5", "-5", "-6", "007", "-0", "+1", "-", "1x", "1.0", "1e3", "0x1", "00",
    "-01", "9223372036854775807", "9223372036854775806", "9223372036854775808",
    "-9223372036854775808", "-9223372036854775807", "-9223372036854775809",
    "99999999999999999999999",
};

// As they are. $ is CR LF, @ a NUL.
constexpr const char* kRaw[] = {
    "", "$", "$$$PING$", "\n\n \nPING\n", "PING", "PING\r", "PING\n", " PING $", "\tPING\t$",
    "\vPING\v$", "\fPING$", "PING\rPING$", "PING\r\r\n", "GET\ts$", "GET  s  $", "GET s\r\nGET n\n",
    "@PING$PING$", "PING@$PING$", "GET s@x$", "@", "@$", "\"\"$PING$", "''$PING$", "\"PING\"$",
    "'PING'$", "P\"IN\"$", "PI'NG'$", "SET a \"x y\"$GET a$", "SET a 'x y'$GET a$",
    "SET a \"x\"y$PING$", "SET a 'x'y$PING$", "SET a \"x$PING$", "SET a 'x$PING$", "SET a \"$PING$",
    "SET a \"\\x41\\x4a\\xzz\\x4\"$GET a$", "SET a \"\\n\\r\\t\\b\\a\\q\\\"\\\\\"$GET a$",
    "SET a '\\'\\n\\\\'$GET a$", "SET a \"x\\\"$PING$", "SET a x\\ny$GET a$",
    "SET a \"\\x00\"$GET a$",
    "SET a \"x\"\ty$", "SET a \"x\"\v$GET a$", "SET a x\vy$GET a$", "\"GET\" 's'$",
    "SET a \"\"$GET a$",
};
constexpr const char* kRawArrays[] = {
    "*", "*1", "*1\r", "*1\n", "*1$", "*0$PING$", "*-1$PING$", "*-5$PING$", "*-0$PING$",
    "*00$PING$",
    "*01$^4$PING$", "*+1$^4$PING$", "* 1$^4$PING$", "*1 $^4$PING$", "*$PING$", "*-$PING$",
    "*x$PING$",
    "*abc", "*abc\r", "*12345678901", "*12345678901$", "*2147483647$^4$PING$", "*2147483648$",
    "*1048577$^4$PING$", "*9223372036854775808$", "*-9223372036854775808$PING$", "**1$", "*1$*1$",
    "*1$$", "*1$PING$", "*1$PING", "*1$+4$PING$", "*1$^", "*1$^4", "*1$^4\r", "*1$^4$", "*1$^4$PIN",
    "*1$^4$PING", "*1$^4$PING\r", "*1$^4$PING$", "*1$^4$PINGxx", "*1$^4$PINGxx*1$^4$PING$",
    "*1$^3$PING$PING$", "*1$^5$PING$PING$", "*1$^-1$PING$", "*1$^-0$", "*1$^0$$PING$",
    "*1$^04$PING$",
    "*1$^+4$PING$", "*1$^ 4$PING$", "*1$^4 $PING$", "*1$^x$", "*1$^$", "*1$^99999999999$",
    "*1$^9223372036854775808$", "*1\rX^4\rYPING$", "*1\rX^4\rYPINGab*1$^4$PING$", "*1\r\r^4$PING$",
    "*1$^5$@PING$PING$", "*1$^5$PING@$PING$", "*1$^4$GET@$PING$", "*2$^4$@GET^1$s$PING$",
    "*2$^4$@GET$^1$s$PING$", "*2$^3$GET$^1$s$*2$^3$GET$^1$n$", "*2$^3$GET$", "*2$^3$GET$^1$s",
    "*2$^3$GET$^-1$PING$", "*2$^3$GET$^0$$PING$", "*3$^3$SET$^0$$^0$$*2$^3$GET$^0$$",
    "*3$^3$SET$^1$a$^4$\r\n\r\n$*2$^3$GET$^1$a$", "*3$^3$SET$^1$a$^3$x@y$*2$^3$GET$^1$a$",
    "*1$^3$a$b$PING$", "*1$^7$x\r\ny\r\nz$PING$", "*1$^8$\r\n+OK\r\n\r\n$PING$", "*1$^1$\r$PING$",
    "*1$^1$\n$PING$", "*1$^4$P\xffNG$PING$", "*2$^4$ECHO$^2$\xff\xfe$", "PING$*1$^4$PING$PING$",
    "*1$^4$PING$GET s$*1$^4$PING$", "*1$^4$QUIT$*1$^4$PING$", "*1$^4$POST$*1$^4$PING$",
    "*1$^5$HOST:$PING$", "*2$^4$PING$^5$a b c$", "*1$^16$PINGPINGPINGPING$PING$", "*3$^3$SET$^1$a$",
};

std::string Bytes(std::string_view text) {
  std::string bytes;
  for (const char c : text) {
    switch (c) {
      case '$': bytes += "\r\n"; break;
      case '@': bytes += '\0'; break;
      case '^': bytes += '$'; break;
      default: bytes += c;
    }
  }
  return bytes;
}

// As lines, and as arrays.
void AddCommands(const std::string& text, std::vector<std::string>& corpus) {
  corpus.push_back(absl::StrReplaceAll(text, {{"|", "\r\n"}}) + "\r\n");
  std::string arrays;
  for (const absl::string_view command : absl::StrSplit(text, '|')) {
    arrays += RespCommand(absl::StrSplit(command, ' '));
  }
  corpus.push_back(std::move(arrays));
}

void AddNumbers(const std::string& number, std::vector<std::string>& corpus) {
  corpus.push_back(RespCommand({"SET", "a", number}) + "INCR a\r\nDECR a\r\nGET a\r\n");
  corpus.push_back(RespCommand({"SET", "a", number}) + "DECR a\r\nGET a\r\n");
  corpus.push_back(RespCommand({"SELECT", number}) + "DBSIZE\r\n");
  corpus.push_back("LPOP l " + number + "\r\nLLEN l\r\n");
  for (const char* other : kNumbers) {
    corpus.push_back(RespCommand({"LRANGE", "l", number, other}) + "PING\r\n");
  }
}

}  // namespace

std::string RespCommand(const std::vector<std::string>& words) {
  std::string bytes = "*" + std::to_string(words.size()) + "\r\n";
  for (const std::string& word : words) {
    bytes += "$" + std::to_string(word.size()) + "\r\n" + word + "\r\n";
  }
  return bytes;
}

std::string RedisBeginning() {
  return "FLUSHALL\r\nSET s hello\r\nSET n 10\r\nRPUSH l a b c d e\r\n";
}

std::vector<std::string> RedisCorpus() {
  std::vector<std::string> corpus;
  for (const char* commands : kCommands) AddCommands(commands, corpus);
  for (const char* number : kNumbers) AddNumbers(number, corpus);
  for (const char* number : {"", " ", " 1", "1 "}) AddNumbers(Bytes(number), corpus);
  for (const char* raw : kRaw) corpus.push_back(Bytes(raw));
  for (const char* raw : kRawArrays) corpus.push_back(Bytes(raw));
  // A line too long, and numbers that do not end.
  corpus.push_back(std::string(70'000, 'x'));
  corpus.push_back("*" + std::string(70'000, '1'));
  corpus.push_back("*1\r\n$" + std::string(70'000, '1'));
  return corpus;
}

}  // namespace rondo::testing
