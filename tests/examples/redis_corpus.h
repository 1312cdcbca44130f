// Bytes that clients send to a Redis, to compare servers by: commands in both forms, numbers at
// their limits, wrong numbers of arguments, and what is no RESP at all.

#ifndef RONDO_TESTS_EXAMPLES_REDIS_CORPUS_H_
#define RONDO_TESTS_EXAMPLES_REDIS_CORPUS_H_

#include <string>
#include <string_view>
#include <vector>

namespace rondo::testing {

// `words` as a client library sends them: *2\r\n$3\r\nGET\r\n$1\r\nx\r\n.
std::string RespCommand(const std::vector<std::string>& words);

// Keys of each kind, before every input: s (a text), n (a number), l (a list of five).
std::string RedisBeginning();

// Each input starts on a connection of its own, behind RedisBeginning.
std::vector<std::string> RedisCorpus();

}  // namespace rondo::testing

#endif  // RONDO_TESTS_EXAMPLES_REDIS_CORPUS_H_
