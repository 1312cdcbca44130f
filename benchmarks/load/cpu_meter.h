// How much CPU time the calling thread used while the window was open, read at its two edges only.
#ifndef RONDO_BENCHMARKS_LOAD_CPU_METER_H_
#define RONDO_BENCHMARKS_LOAD_CPU_METER_H_

#include <cstdint>

#include "benchmarks/load/clock.h"
#include "benchmarks/load/rendezvous.h"
#include "benchmarks/load/tally.h"

namespace load {

class CpuMeter {
 public:
  // Call every turn.
  void Follow(const Window& window, uint64_t now, Tally& tally) {
    if (state_ == State::kBefore && now >= window.begin_ns) {
      at_begin_ = ThreadCpuTime();
      state_ = State::kInside;
    }
    if (now >= window.end_ns) Close(tally);
  }

  // Call when the run is over, which may be before the window closes.
  void Close(Tally& tally) {
    if (state_ != State::kInside) return;
    tally.cpu_ns = ThreadCpuTime() - at_begin_;
    state_ = State::kAfter;
  }

 private:
  enum class State { kBefore, kInside, kAfter };
  State state_ = State::kBefore;
  uint64_t at_begin_ = 0;
};

}  // namespace load

#endif  // RONDO_BENCHMARKS_LOAD_CPU_METER_H_
