// The generator in `broadcast` mode: many connections that listen, and one message at a time that
// the server must send to all of them.
//
// The last connection speaks: when it was accepted, so were all before it. Its stream is what every
// one of them must receive, to the last byte, and it sends the next message once all have the one
// before. A latency runs from the send to one copy. One thread does it, so that it knows when all
// copies are there.
#ifndef RONDO_BENCHMARKS_LOAD_BROADCAST_H_
#define RONDO_BENCHMARKS_LOAD_BROADCAST_H_

#include <cstdint>
#include <string>
#include <vector>

#include "benchmarks/load/cpu_meter.h"
#include "benchmarks/load/plan.h"
#include "benchmarks/load/rendezvous.h"
#include "benchmarks/load/ring.h"
#include "benchmarks/load/tally.h"

namespace load {

class Broadcast {
 public:
  // Runs `plan`, whose only role says how many connections there are. REQUIRES: one thread.
  static Tally Work(const Plan& plan, int index, Rendezvous& rendezvous);

 private:
  explicit Broadcast(const Plan& plan);
  ~Broadcast();

  void Connect();
  void Run(const Window& window);
  void SendNext();
  void ArmReceive(uint32_t index);
  void OnReceived(const io_uring_cqe& completion, uint32_t index);
  void Accept(uint32_t index, const char* data, uint32_t size);
  void Fail(const std::string& why);

  const Plan& plan_;
  const Role& role_;
  Ring ring_;
  std::vector<int> fds_;
  std::vector<uint64_t> received_;  // Bytes, by connection.

  Tally tally_;
  CpuMeter cpu_;
  Window window_;
  uint64_t now_ = 0;      // Of this turn.
  uint64_t sent_at_ = 0;  // When the message under way left.
  uint64_t messages_ = 0;
  uint64_t sent_ = 0;       // Bytes of all messages.
  uint64_t incomplete_ = 0;  // Connections that do not have all of them.
  bool failed_ = false;
};

}  // namespace load

#endif  // RONDO_BENCHMARKS_LOAD_BROADCAST_H_
