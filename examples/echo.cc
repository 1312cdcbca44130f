// The echo server: sends back whatever arrives. With --stats it prints a line each second: open
// connections, messages and bytes since the last line, and how the connections spread over loops.
//
//   examples/run                       in another terminal: nc 127.0.0.1 7000
//   examples/run echo --address=tcp://:7000 --loops=4 --accept_mode=reuseport --stats

#include <atomic>
#include <cstdint>
#include <iostream>
#include <memory>
#include <string>

#include "absl/flags/flag.h"

#include "rondo/rondo.h"

#include "support/serve.h"
#include "support/server_flags.h"

ABSL_FLAG(bool, stats, false, "print a line each second");

namespace {

// Written by one loop, read by the main thread; a cache line each, so that loops do not share one.
struct alignas(64) Counters {
  std::atomic<uint64_t> messages{0};
  std::atomic<uint64_t> bytes{0};
};

// One writer: a load and a store are an increment, without the bus lock of fetch_add.
void Add(std::atomic<uint64_t>& counter, uint64_t n) {
  counter.store(counter.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
}

class Echo : public rondo::EventHandler {
 public:
  rondo::Action OnTraffic(rondo::Connection& connection) override {
    return rondo::CloseIfRefused(connection.Write(connection.Next()));
  }
};

class CountingEcho : public rondo::EventHandler {
 public:
  explicit CountingEcho(Counters& counters) : counters_(counters) {}

  rondo::Action OnTraffic(rondo::Connection& connection) override {
    const std::string_view bytes = connection.Next();
    Add(counters_.messages, 1);
    Add(counters_.bytes, bytes.size());
    return rondo::CloseIfRefused(connection.Write(bytes));
  }

 private:
  Counters& counters_;
};

void PrintStats(rondo::Engine& engine, Counters* counters, uint64_t* messages, uint64_t* bytes) {
  uint64_t all_messages = 0, all_bytes = 0;
  std::string balance;
  for (size_t i = 0; i < engine.loop_count(); ++i) {
    all_messages += counters[i].messages.load(std::memory_order_relaxed);
    all_bytes += counters[i].bytes.load(std::memory_order_relaxed);
    balance += " " + std::to_string(engine.loop(i).connection_count());
  }
  std::cout << engine.connection_count() << " connections, " << all_messages - *messages
            << " messages/s, " << all_bytes - *bytes << " bytes/s, on each loop:" << balance
            << std::endl;
  *messages = all_messages;
  *bytes = all_bytes;
}

}  // namespace

int main(int argc, char** argv) {
  examples::ParseFlags(argc, argv, "An echo server. Try it: nc 127.0.0.1 7000");
  const auto counters = std::make_unique<Counters[]>(1024);
  const bool stats = absl::GetFlag(FLAGS_stats);
  const rondo::HandlerFactory factory = [&](size_t loop) -> std::unique_ptr<rondo::EventHandler> {
    if (stats) return std::make_unique<CountingEcho>(counters[loop]);
    return std::make_unique<Echo>();
  };
  uint64_t messages = 0, bytes = 0;
  std::function<void(rondo::Engine&)> each_second;
  if (stats) {
    each_second = [&](rondo::Engine& engine) {
      PrintStats(engine, counters.get(), &messages, &bytes);
    };
  }
  return examples::Serve(factory, absl::GetFlag(FLAGS_address), examples::OptionsFromFlags(),
                         each_second);
}
