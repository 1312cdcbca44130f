// A Trace is what happened in a run, call by call: a hash of all of it, by which two runs are
// compared, and, for those who want to read it, a line for each. What goes in must be the same in
// every run with the same seed: no addresses of memory, and nothing of the real machine.

#ifndef RONDO_SIMULATION_TRACE_H_
#define RONDO_SIMULATION_TRACE_H_

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_format.h"

#include "simulation/clock/clock.h"

namespace rondo::simulation {

// The name of a call, and a number for it that is the same in every program.
struct CallName {
  consteval CallName(const char* name) : text(name) {
    for (const char* c = name; *c != '\0'; ++c) id = id * 31 + static_cast<unsigned char>(*c);
  }

  const char* text;
  uint64_t id = 0;
};

class Trace {
 public:
  using Sink = std::function<void(std::string_view line)>;

  // Null: nothing is written.
  void set_sink(Sink sink) { sink_ = std::move(sink); }
  void Record(Time now, uint64_t thread, const std::string& name, CallName call, int64_t argument,
              int64_t result) {
    Add(static_cast<uint64_t>(now));
    Add(thread);
    Add(call.id);
    Add(static_cast<uint64_t>(argument));
    Add(static_cast<uint64_t>(result));
    if (sink_) [[unlikely]] {
      sink_(absl::StrFormat("%12d.%03d us  %-12s %s(%d) = %d", now / 1000, now % 1000, name,
                            call.text, argument, result));
    }
  }
  uint64_t hash() const { return hash_; }

 private:
  void Add(uint64_t value) {
    hash_ = (hash_ ^ value) * 0x9e3779b97f4a7c15;
    hash_ ^= hash_ >> 29;
  }

  uint64_t hash_ = 0;
  Sink sink_;
};

}  // namespace rondo::simulation

#endif  // RONDO_SIMULATION_TRACE_H_
