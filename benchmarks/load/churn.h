// One generator thread that keeps opening connections: connect, one exchange, close, again.
//
// Each lane is a chain of linked entries (connect, send, receive) that the kernel works off by
// itself, so a whole connection costs one completion here. A latency runs from connect to the
// reply. This side closes first and so keeps the TIME_WAIT; the source addresses rotate so that
// ports do not run out.
#ifndef RONDO_BENCHMARKS_LOAD_CHURN_H_
#define RONDO_BENCHMARKS_LOAD_CHURN_H_

#include <cstdint>
#include <string>
#include <vector>

#include "benchmarks/load/cpu_meter.h"
#include "benchmarks/load/plan.h"
#include "benchmarks/load/rendezvous.h"
#include "benchmarks/load/ring.h"
#include "benchmarks/load/tally.h"

namespace load {

class Churn {
 public:
  // Runs the share of thread `index` in `plan`, whose only role says how many lanes there are.
  static Tally Work(const Plan& plan, int index, Rendezvous& rendezvous);

 private:
  struct Lane {
    int fd = -1;
    uint32_t offset = 0;
    uint64_t begun = 0;
    std::vector<char> reply;
  };

  Churn(const Plan& plan, int index);

  void Run(const Window& window);
  void Begin(Lane& lane, uint32_t index);
  // `call` is the operation that ended the run, with `result`.
  void End(Lane& lane, const char* call, int result);
  void ArmDeadline(uint64_t time);
  void OnCompletion(const io_uring_cqe& completion);

  const Plan& plan_;
  const Role& role_;
  const int index_;
  Ring ring_;
  std::vector<Lane> lanes_;
  __kernel_timespec deadline_ = {};

  Tally tally_;
  CpuMeter cpu_;
  Window window_;
  uint64_t now_ = 0;
  uint64_t connections_ = 0;
  uint64_t busy_lanes_ = 0;
  bool stopping_ = false;
};

}  // namespace load

#endif  // RONDO_BENCHMARKS_LOAD_CHURN_H_
