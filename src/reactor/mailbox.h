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

#ifndef RONDO_REACTOR_MAILBOX_H_
#define RONDO_REACTOR_MAILBOX_H_

#include <atomic>
#include <cstddef>
#include <memory>
#include <utility>

#include "absl/status/status.h"

#include "base/on_loop.h"
#include "poll/waker.h"

namespace rondo::loop {
class EventLoopImpl;
}

namespace rondo::reactor {

// One message. Exactly one of Deliver and Drop is called, then it is destroyed.
class Mail {
 public:
  explicit Mail(size_t bytes) : bytes(bytes) {}
  Mail(const Mail&) = delete;
  Mail& operator=(const Mail&) = delete;
  virtual ~Mail() = default;

  // On the loop's thread.
  virtual void Deliver(loop::EventLoopImpl& loop) RONDO_ON_LOOP = 0;
  // It will not be delivered: Cancelled, the loop has ended; ResourceExhausted, the mailbox is
  // full. On the thread that finds out.
  virtual void Drop(const absl::Status& reason) { (void)reason; }

  // Memory it keeps, for the mailbox's bound; a task counts without what it has captured by pointer
  // or on the heap.
  const size_t bytes;

 private:
  friend class Mailbox;
  Mail* next_ = nullptr;
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
  // Any thread. As Post, beyond the bound: for the framework's own few messages.
  bool PostUrgent(std::unique_ptr<Mail> mail);

  // --- Loop thread only.

  // Delivers the oldest of what has been posted so far; returns whether there was anything.
  bool Deliver(loop::EventLoopImpl& loop) RONDO_ON_LOOP;
  // True: there is no mail, and the next poster will call the waker. False: there is mail.
  bool FallAsleep() RONDO_ON_LOOP;
  // After FallAsleep answered true, when the loop has woken for whatever reason.
  void WakeUp() RONDO_ON_LOOP;
  // Drops what is left with Cancelled and refuses everything from now on.
  void Close() RONDO_ON_LOOP;

 private:
  bool Push(std::unique_ptr<Mail> mail);
  // The mail that was taken, oldest first.
  static Mail* Reverse(Mail* newest);
  static void DropAll(Mail* oldest);

  const size_t limit_bytes_;
  const std::shared_ptr<poll::Waker> waker_;
  // Any thread.
  alignas(64) std::atomic<Mail*> newest_{nullptr};
  std::atomic<size_t> waiting_bytes_{0};

  // Loop thread only. Taken and not delivered yet, oldest first.
  Mail* collected_ = nullptr;
};

}  // namespace rondo::reactor

#endif  // RONDO_REACTOR_MAILBOX_H_
