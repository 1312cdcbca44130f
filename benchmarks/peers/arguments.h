// The flags that every peer written in C++ takes, and the line by which the harness learns its
// port.
#ifndef RONDO_BENCHMARKS_PEERS_ARGUMENTS_H_
#define RONDO_BENCHMARKS_PEERS_ARGUMENTS_H_

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace peers {

inline constexpr int kReadBufferBytes = 128 * 1024;
inline constexpr int kBacklog = 4096;

struct Arguments {
  uint16_t port = 0;  // 0: the kernel chooses.
  int loops = 1;
  int work_us = 0;  // What each message costs the handler.
  // Each request of so many bytes is answered with so many of the fixed reply; 0: bytes come back.
  int request_bytes = 0;
  int reply_bytes = 0;
};

// Reads the flags that each peer takes; ends the program at anything else.
inline Arguments ParseArguments(int argc, char** argv) {
  Arguments arguments;
  for (int i = 1; i < argc; ++i) {
    int value = 0;
    if (std::sscanf(argv[i], "--port=%d", &value) == 1) {
      arguments.port = static_cast<uint16_t>(value);
    } else if (std::sscanf(argv[i], "--loops=%d", &value) == 1 && value > 0) {
      arguments.loops = value;
    } else if (std::sscanf(argv[i], "--work_us=%d", &value) == 1) {
      arguments.work_us = value;
    } else if (std::sscanf(argv[i], "--request_bytes=%d", &value) == 1 && value > 0) {
      arguments.request_bytes = value;
    } else if (std::sscanf(argv[i], "--reply_bytes=%d", &value) == 1 && value > 0) {
      arguments.reply_bytes = value;
    } else {
      std::fprintf(stderr,
                   "usage: %s [--port=N] [--loops=N] [--work_us=N] "
                   "[--request_bytes=N --reply_bytes=N]\n",
                   argv[0]);
      std::exit(2);
    }
  }
  return arguments;
}

inline sockaddr_in LoopbackAddress(uint16_t port) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

inline void PrintListening(uint16_t port) {
  std::printf("listening on tcp://127.0.0.1:%u\n", port);
  std::fflush(stdout);
}

// Keeps the CPU busy, as a handler would that computes something.
inline void Work(int microseconds) {
  if (microseconds == 0) return;
  auto end = std::chrono::steady_clock::now() + std::chrono::microseconds(microseconds);
  while (std::chrono::steady_clock::now() < end) {
  }
}

[[noreturn]] inline void Die(const char* what) {
  std::perror(what);
  std::exit(2);
}

}  // namespace peers

#endif  // RONDO_BENCHMARKS_PEERS_ARGUMENTS_H_
