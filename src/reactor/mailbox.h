// Mailbox is how other threads reach a loop: they post mail, the loop collects it and delivers what
// it found, in order. Nothing else of a loop is shared with other threads but plain counters. It
// outlives its loop: threads may go on posting, and each post is refused once the loop has ended.
//
// One word holds everything:
//
//   kAwake           empty; the loop is running and will look before it sleeps
//   kAsleep          empty; the loop sleeps, or is about to: the next poster wakes it
//   kClosed          the loop has ended
//   anything else    the newest mail, linked to the older ones
//
// So a post is one compare-and-exchange, and only the first post after the loop fell asleep costs
// the system call that wakes it. Taking everything is one exchange: what is posted meanwhile, by
// the mail itself too, waits for a later turn. A turn delivers a bounded number of what was taken,
// and the sockets have theirs before the rest.
//
// What is only a request to look at something needs no mail: a *signal* is a bit beside that word,
// raised any number of times and taken once. So it needs no memory and no bound.
//
// Mail that is refused ends in Refuse (refusal.h), never in the middle of another refusal.

#ifndef RONDO_REACTOR_MAILBOX_H_
#define RONDO_REACTOR_MAILBOX_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "base/on_loop.h"
#include "poll/waker.h"
#include "reactor/mail.h"

namespace rondo::reactor {

// What other threads may ask of a loop without memory.
enum class Signal : uint32_t {
  // A timer was cancelled.
  kTimersCancelled = 1 << 0,
  // The engine may admit newcomers again.
  kResumeAccepting = 1 << 1,
  // The time that the loop may take to stop has become shorter.
  kStopSooner = 1 << 2,
  // The turn that began the drain is over.
  kEndDrained = 1 << 3,
  // Whether Options::memory_limit_bytes is passed has changed.
  kMemoryLimit = 1 << 4,
};
class Signals {
 public:
  explicit Signals(uint32_t bits) : bits_(bits) {}
  bool has(Signal signal) const { return (bits_ & static_cast<uint32_t>(signal)) != 0; }

 private:
  const uint32_t bits_;
};

class Mailbox {
 public:
  Mailbox(size_t limit_bytes, std::shared_ptr<poll::Waker> waker)
      : limit_bytes_(limit_bytes), waker_(std::move(waker)) {}
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;
  // REQUIRES: closed, or empty.
  ~Mailbox();

  // Any thread. True when the loop will deliver `mail`. False when it was dropped, before this
  // returns: the loop has ended or the bound is reached.
  bool Post(std::unique_ptr<Mail> mail);
  // Any thread. As Post, beyond the bound: for mail of the framework's own that is few for another
  // reason. It takes no room from the users' mail when its `bytes` are 0.
  bool PostUrgent(std::unique_ptr<Mail> mail);
  // Any thread. Has the loop look at what `signal` names, once more after each call; what the
  // caller did before is visible to it then. Nothing happens once the loop has ended.
  void Raise(Signal signal);

  // Any thread. What was posted and not delivered yet, and what this turn delivers.
  size_t waiting_bytes() const { return waiting_.load(std::memory_order_relaxed) & kBytesMask; }
  size_t waiting_count() const { return waiting_.load(std::memory_order_relaxed) >> kCountShift; }

  // --- Loop thread only.

  // The signals that were raised since the last time.
  Signals TakeSignals() RONDO_ON_LOOP {
    // A look first: see Deliver.
    if (signals_.load(std::memory_order_relaxed) == 0) return Signals(0);
    // Acquire: see Raise.
    return Signals(signals_.exchange(0, std::memory_order_acquire));
  }
  // Delivers the oldest of what has been posted so far; returns whether there was anything.
  bool Deliver(loop::EventLoopImpl& loop) RONDO_ON_LOOP;
  // True: there is no mail and no signal, and the next of either will call the waker. False: there
  // is something.
  bool FallAsleep() RONDO_ON_LOOP;
  // After FallAsleep answered true, when the loop has woken for whatever reason.
  void WakeUp() RONDO_ON_LOOP;
  // Refuses everything from now on, then delivers what is left, and what Post has thereby promised.
  void CloseAndDeliver(loop::EventLoopImpl& loop) RONDO_ON_LOOP;
  // Refuses everything from now on, then drops what is left with Cancelled: for a loop that never
  // ran.
  void Close() RONDO_ON_LOOP;

 private:
  // One word counts the mail that waits and its bytes, so that a post costs one addition: 36 bits
  // are sixteen times the largest bound, and what is left counts mail of the smallest size up to
  // that.
  static constexpr int kCountShift = 36;
  static constexpr uint64_t kBytesMask = (uint64_t{1} << kCountShift) - 1;
  static uint64_t WeightOf(const Mail& mail) {
    return (uint64_t{1} << kCountShift) + mail.bytes;
  }

  bool Push(std::unique_ptr<Mail> mail);
  // Delivers the oldest of `collected_`; returns what it counted as.
  uint64_t DeliverOne(loop::EventLoopImpl& loop) RONDO_ON_LOOP;
  // The mail that was taken, oldest first.
  static Mail* Reverse(Mail* newest);
  void DropAll(Mail* oldest);

  const size_t limit_bytes_;
  const std::shared_ptr<poll::Waker> waker_;
  // Any thread.
  alignas(64) std::atomic<Mail*> newest_{nullptr};
  std::atomic<uint32_t> signals_{0};
  std::atomic<uint64_t> waiting_{0};

  // Loop thread only. Taken and not delivered yet, oldest first.
  Mail* collected_ = nullptr;
};

}  // namespace rondo::reactor

#endif  // RONDO_REACTOR_MAILBOX_H_
