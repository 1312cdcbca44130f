#include "reactor/mailbox.h"

#include <cstdint>
#include <new>
#include <utility>

#include "base/check.h"
#include "reactor/refusals.h"

namespace rondo::reactor {
namespace {

Mail* const kAwake = nullptr;
// Mail is aligned to eight bytes and never lies at the bottom of memory.
Mail* Marker(uintptr_t value) { return reinterpret_cast<Mail*>(value); }
constexpr uintptr_t kAsleep = 1;
constexpr uintptr_t kClosed = 2;

// What one turn delivers: enough to make the rest of a turn cheap beside it, little enough for the
// sockets that wait.
constexpr int kMailPerTurn = 1024;

bool IsMarker(const Mail* mail) { return reinterpret_cast<uintptr_t>(mail) <= kClosed; }

}  // namespace

Mailbox::~Mailbox() {
  RONDO_CHECK(collected_ == nullptr && IsMarker(newest_.load(std::memory_order_relaxed)));
}

bool Mailbox::Post(std::unique_ptr<Mail> mail) {
  // The bound may be passed by as many messages as there are threads posting: it guards memory,
  // not a count.
  if (waiting_bytes() + mail->bytes > limit_bytes_) {
    // After Close what is left goes slowly. Answer Cancelled; ResourceExhausted would be wrong
    // advice.
    if (newest_.load(std::memory_order_relaxed) == Marker(kClosed)) return Push(std::move(mail));
    Refusals::Refuse(std::move(mail), Refusal::kMailboxFull);
    return false;
  }
  return Push(std::move(mail));
}

bool Mailbox::PostUrgent(std::unique_ptr<Mail> mail) { return Push(std::move(mail)); }

bool Mailbox::Push(std::unique_ptr<Mail> mail) {
  // Before the mail can be seen, so that the loop never subtracts what was not added.
  waiting_.fetch_add(WeightOf(*mail), std::memory_order_relaxed);
  Mail* newest = newest_.load(std::memory_order_relaxed);
  do {
    if (newest == Marker(kClosed)) {
      waiting_.fetch_sub(WeightOf(*mail), std::memory_order_relaxed);
      Refusals::Refuse(std::move(mail), Refusal::kLoopEnded);
      return false;
    }
    mail->next_ = IsMarker(newest) ? nullptr : newest;
    // Release: the loop that takes it must see what is in the mail.
  } while (!newest_.compare_exchange_weak(newest, mail.get(), std::memory_order_release,
                                          std::memory_order_relaxed));
  (void)mail.release();
  if (newest == Marker(kAsleep)) waker_->Wake();
  return true;
}

bool Mailbox::Deliver(loop::EventLoopImpl& loop) {
  if (collected_ == nullptr) {
    // A look first: an exchange would take the line from the posters each turn.
    if (newest_.load(std::memory_order_relaxed) == kAwake) return false;
    // Acquire: see Push.
    collected_ = Reverse(newest_.exchange(kAwake, std::memory_order_acquire));
  }
  uint64_t weight = 0;
  for (int i = 0; i < kMailPerTurn && collected_ != nullptr; ++i) weight += DeliverOne(loop);
  waiting_.fetch_sub(weight, std::memory_order_relaxed);
  return true;
}

uint64_t Mailbox::DeliverOne(loop::EventLoopImpl& loop) {
  const std::unique_ptr<Mail> current(std::exchange(collected_, collected_->next_));
  try {
    current->Deliver(loop);
  } catch (const std::bad_alloc&) {
    current->Drop(StatusOf(Refusal::kNoMemory));
  }
  return WeightOf(*current);
}

void Mailbox::Raise(Signal signal) {
  // Release, for what is signalled. Sequentially consistent, like the other three of Raise and
  // FallAsleep: either the loop sees the signal before it sleeps, or this sees that it sleeps.
  const auto bit = static_cast<uint32_t>(signal);
  if ((signals_.fetch_or(bit, std::memory_order_seq_cst) & bit) != 0) return;
  Mail* asleep = Marker(kAsleep);
  if (newest_.load(std::memory_order_seq_cst) != asleep) return;
  if (newest_.compare_exchange_strong(asleep, kAwake, std::memory_order_relaxed)) waker_->Wake();
}

bool Mailbox::FallAsleep() {
  if (collected_ != nullptr) return false;
  Mail* expected = kAwake;
  // When it fails there is mail, which Deliver acquires. For the order see Raise.
  if (!newest_.compare_exchange_strong(expected, Marker(kAsleep), std::memory_order_seq_cst)) {
    return false;
  }
  if (signals_.load(std::memory_order_seq_cst) == 0) return true;
  WakeUp();
  return false;
}

void Mailbox::WakeUp() {
  Mail* expected = Marker(kAsleep);
  newest_.compare_exchange_strong(expected, kAwake, std::memory_order_relaxed);
}

void Mailbox::CloseAndDeliver(loop::EventLoopImpl& loop) {
  // In this order: what was posted last was not collected yet.
  Mail* const newest = newest_.exchange(Marker(kClosed), std::memory_order_acquire);
  const auto deliver = [&] {
    base::AssertOnLoop();
    while (collected_ != nullptr) waiting_.fetch_sub(DeliverOne(loop), std::memory_order_relaxed);
  };
  deliver();
  if (!IsMarker(newest)) collected_ = Reverse(newest);
  deliver();
}

void Mailbox::Close() {
  Mail* const newest = newest_.exchange(Marker(kClosed), std::memory_order_acquire);
  DropAll(std::exchange(collected_, nullptr));
  if (!IsMarker(newest)) DropAll(Reverse(newest));
}

void Mailbox::DropAll(Mail* oldest) {
  while (oldest != nullptr) {
    const std::unique_ptr<Mail> current(std::exchange(oldest, oldest->next_));
    waiting_.fetch_sub(WeightOf(*current), std::memory_order_relaxed);
    current->Drop(StatusOf(Refusal::kLoopEnded));
  }
}

Mail* Mailbox::Reverse(Mail* newest) {
  Mail* oldest = nullptr;
  while (newest != nullptr) {
    Mail* const next = newest->next_;
    newest->next_ = oldest;
    oldest = newest;
    newest = next;
  }
  return oldest;
}

}  // namespace rondo::reactor
