#include "reactor/mailbox.h"

#include <cstdint>
#include <utility>

#include "base/check.h"

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
  if (waiting_bytes_.load(std::memory_order_relaxed) + mail->bytes > limit_bytes_) {
    // After Close the count is frozen. Answer Cancelled; ResourceExhausted would be wrong advice.
    if (newest_.load(std::memory_order_relaxed) == Marker(kClosed)) return Push(std::move(mail));
    mail->Drop(absl::ResourceExhaustedError(
        "the loop's mailbox is full; post less, or raise Options::mailbox_limit_bytes"));
    return false;
  }
  return Push(std::move(mail));
}

bool Mailbox::PostUrgent(std::unique_ptr<Mail> mail) { return Push(std::move(mail)); }

bool Mailbox::Push(std::unique_ptr<Mail> mail) {
  // Before the mail can be seen, so that the loop never subtracts what was not added.
  waiting_bytes_.fetch_add(mail->bytes, std::memory_order_relaxed);
  Mail* newest = newest_.load(std::memory_order_relaxed);
  do {
    if (newest == Marker(kClosed)) {
      waiting_bytes_.fetch_sub(mail->bytes, std::memory_order_relaxed);
      mail->Drop(absl::CancelledError("the loop has ended"));
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
  size_t bytes = 0;
  for (int i = 0; i < kMailPerTurn && collected_ != nullptr; ++i) {
    const std::unique_ptr<Mail> current(collected_);
    collected_ = current->next_;
    bytes += current->bytes;
    current->Deliver(loop);
  }
  waiting_bytes_.fetch_sub(bytes, std::memory_order_relaxed);
  return true;
}

bool Mailbox::FallAsleep() {
  if (collected_ != nullptr) return false;
  Mail* expected = kAwake;
  // Nothing is published with it, and when it fails there is mail, which Deliver acquires.
  return newest_.compare_exchange_strong(expected, Marker(kAsleep), std::memory_order_relaxed);
}

void Mailbox::WakeUp() {
  Mail* expected = Marker(kAsleep);
  newest_.compare_exchange_strong(expected, kAwake, std::memory_order_relaxed);
}

void Mailbox::Close() {
  Mail* newest = newest_.exchange(Marker(kClosed), std::memory_order_acquire);
  DropAll(std::exchange(collected_, nullptr));
  if (!IsMarker(newest)) DropAll(Reverse(newest));
}

void Mailbox::DropAll(Mail* oldest) {
  while (oldest != nullptr) {
    const std::unique_ptr<Mail> current(oldest);
    oldest = current->next_;
    current->Drop(absl::CancelledError("the loop has ended"));
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
