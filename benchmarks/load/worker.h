// One generator thread and the conversations it keeps up: every mode except churn.
//
// A conversation is an endless stream in each direction. What may be sent is a single number,
// `wanted`: a reply raises it (closed loop), or the clock does (scheduled). Pump sends what is
// wanted and not yet sent; a reply is complete when enough bytes are back, and every byte is
// compared with the pattern that was sent, or with the fixed reply.
//
// Cost: receives are multishot, so a message takes one send entry and one receive completion, and
// all entries of a turn share one system call. Where a reply proves that the send is over, the
// send's own completion is suppressed. The clock is read once a turn: the latency of a reply
// includes the time that it waited for its turn here, and that of a request the time until its
// batch was submitted.
#ifndef RONDO_BENCHMARKS_LOAD_WORKER_H_
#define RONDO_BENCHMARKS_LOAD_WORKER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "benchmarks/load/cpu_meter.h"
#include "benchmarks/load/pattern.h"
#include "benchmarks/load/plan.h"
#include "benchmarks/load/rendezvous.h"
#include "benchmarks/load/ring.h"
#include "benchmarks/load/tally.h"

namespace load {

class Worker {
 public:
  // Runs the share of thread `index` in `plan`, on the calling thread, from connecting to closing.
  static Tally Work(const Plan& plan, int index, Rendezvous& rendezvous);

 private:
  struct Conversation {
    const Role* role = nullptr;
    uint64_t wanted = 0;    // Bytes that may be sent.
    uint64_t sent = 0;      // Bytes handed to the kernel.
    uint64_t received = 0;  // Bytes that came back.
    uint64_t issued = 0;    // Messages that make up `wanted`.
    uint64_t replies = 0;   // Messages that came back whole.
    uint32_t send_offset = 0;
    uint32_t receive_offset = 0;
    uint32_t partial = 0;  // Bytes of the reply that is coming in.
    uint32_t sending = 0;  // Bytes of the send under way; one at a time, or they could overtake.
    uint32_t first_stamp = 0;  // Its part of stamps_.
    bool open = true;

    // Bytes of replies that are to come.
    uint64_t due() const { return issued * role->bytes_back() - received; }
  };

  Worker(const Plan& plan, int index);
  ~Worker();

  void Connect();
  void Run(const Window& window);
  void Turn();

  void ArmReceive(uint32_t index);
  void ArmDeadline(uint64_t time);
  void Issue(uint32_t index);
  void IssueWhatIsDue();
  void Pump(uint32_t index);

  void OnReceived(const io_uring_cqe& completion, uint32_t index);
  void OnSent(const io_uring_cqe& completion, uint32_t index);
  void OnDeadline();
  bool Matches(const Conversation& conversation, const char* data, uint32_t size) const;
  void Accept(Conversation& conversation, uint32_t index, const char* data, uint32_t size);
  void CompleteReply(Conversation& conversation, uint32_t index);
  void Abandon(Conversation& conversation, const std::string& why);
  void CheckThatNothingIsLeft();

  bool finished() const { return !issuing_ && outstanding_ == 0; }
  uint64_t DueTime(uint64_t message) const {
    return first_due_ + static_cast<uint64_t>(static_cast<double>(message) * interval_ns_);
  }

  const Plan& plan_;
  const double interval_ns_;  // Between two scheduled messages of this thread.
  std::vector<uint64_t> connection_numbers_;
  std::vector<int> fds_;
  std::vector<Conversation> conversations_;
  std::string reply_;             // The longest of the fixed ones.
  std::vector<uint64_t> stamps_;  // When each message under way was issued.
  Ring ring_;
  __kernel_timespec deadline_ = {};

  Tally tally_;
  Window window_;
  uint64_t now_ = 0;  // Of this turn.
  CpuMeter cpu_;
  uint64_t budget_ = 0;       // Messages that may still be issued.
  uint64_t outstanding_ = 0;  // Bytes that are due from all of them.
  uint64_t first_due_ = 0;
  uint64_t next_scheduled_ = 0;
  size_t abandoned_ = 0;
  bool issuing_ = true;
  bool scheduled_ = false;
};

}  // namespace load

#endif  // RONDO_BENCHMARKS_LOAD_WORKER_H_
