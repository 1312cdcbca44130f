// The answer of a server that does not echo: a fixed run of bytes, the same in every server and in
// the generator, which compares each that comes back. Byte i is i modulo 251, a prime: what is lost
// or doubled does not match where it lands.
#ifndef RONDO_BENCHMARKS_LOAD_REPLY_H_
#define RONDO_BENCHMARKS_LOAD_REPLY_H_

#include <cstddef>
#include <string>

namespace load {

inline std::string MakeReply(size_t bytes) {
  std::string reply(bytes, '\0');
  for (size_t i = 0; i < bytes; ++i) reply[i] = static_cast<char>(i % 251);
  return reply;
}

}  // namespace load

#endif  // RONDO_BENCHMARKS_LOAD_REPLY_H_
