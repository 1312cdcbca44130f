// The echo server: sends back whatever arrives. With --stats it prints a line each second: open
// connections and how they spread over the loops, messages and bytes since the last line, the load
// of each loop and how long its longest turn was. All of it is from Engine::Statistics.
//
//   examples/run                       in another terminal: nc 127.0.0.1 7000
//   examples/run echo --address=tcp://:7000 --loops=4 --accept_mode=reuseport --stats

#include <algorithm>
#include <cmath>
#include <functional>
#include <iostream>
#include <string>

#include "absl/flags/flag.h"
#include "absl/time/time.h"

#include "rondo/rondo.h"

#include "support/serve.h"
#include "support/server_flags.h"

ABSL_FLAG(bool, stats, false, "print a line each second");

namespace {

class Echo : public rondo::EventHandler {
  rondo::Action OnTraffic(rondo::Connection& connection) override {
    return rondo::CloseIfRefused(connection.Write(connection.Next()));
  }
};

// Prints what has happened since it did so before.
class Printer {
 public:
  void Print(const rondo::Engine& engine) {
    const rondo::EngineStatistics now = engine.Statistics();
    last_.loops.resize(now.loops.size());
    std::string open, load;
    for (size_t i = 0; i < now.loops.size(); ++i) {
      open += " " + std::to_string(now.loops[i].open);
      load += " " + std::to_string(LoadOf(now.loops[i], last_.loops[i])) + "%";
    }
    std::cout << now.all.open << " connections:" << open << "; "
              << now.all.messages_in - last_.all.messages_in << " messages, "
              << now.all.bytes_in - last_.all.bytes_in << " bytes in, "
              << now.all.bytes_out - last_.all.bytes_out << " out; busy:" << load
              << "; longest turn "
              << absl::Trunc(now.all.longest_turn, absl::Microseconds(1)) << std::endl;
    last_ = now;
  }

 private:
  // In per cent of the time between them.
  static long LoadOf(const rondo::LoopStatistics& now, const rondo::LoopStatistics& last) {
    const absl::Duration busy = now.busy - last.busy;
    const absl::Duration all = busy + (now.waiting - last.waiting);
    return std::lround(100 * absl::FDivDuration(busy, std::max(all, absl::Nanoseconds(1))));
  }

  rondo::EngineStatistics last_;
};

}  // namespace

int main(int argc, char** argv) {
  examples::ParseFlags(argc, argv, "An echo server. Try it: nc 127.0.0.1 7000");
  Echo echo;
  Printer printer;
  std::function<void(rondo::Engine&)> each_second;
  if (absl::GetFlag(FLAGS_stats)) {
    each_second = [&](rondo::Engine& engine) { printer.Print(engine); };
  }
  return examples::Serve(echo, absl::GetFlag(FLAGS_address), examples::OptionsFromFlags(),
                         each_second);
}
