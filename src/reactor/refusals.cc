#include "reactor/refusals.h"

#include <utility>

#include "base/status.h"
#include "reactor/user_code.h"

namespace rondo::reactor {
namespace {

struct List {
  Mail* oldest = nullptr;
  Mail* newest = nullptr;
  // A Refuse further out on the stack runs what is on it.
  bool is_running = false;
};
constinit thread_local List list;

}  // namespace

absl::Status StatusOf(Refusal refusal) {
  using absl::StatusCode;
  switch (refusal) {
    case Refusal::kLoopEnded:
      return base::StatusOrCode(StatusCode::kCancelled, "the loop has ended");
    case Refusal::kMailboxFull:
      return base::StatusOrCode(
          StatusCode::kResourceExhausted,
          "the loop's mailbox is full; post less, or raise Options::mailbox_limit_bytes");
    case Refusal::kNoMemory:
      return base::StatusOrCode(StatusCode::kResourceExhausted, "no memory");
    case Refusal::kNoConnection:
      return base::StatusOrCode(StatusCode::kFailedPrecondition,
                                "the handle names no connection");
  }
  return absl::OkStatus();
}

void Refusals::Refuse(std::unique_ptr<Mail> mail, Refusal why) {
  Mail* const refused = mail.release();
  refused->refusal_ = why;
  refused->next_ = nullptr;
  (list.oldest == nullptr ? list.oldest : list.newest->next_) = refused;
  list.newest = refused;
  if (list.is_running) return;
  list.is_running = true;
  while (list.oldest != nullptr) {
    const std::unique_ptr<Mail> current(std::exchange(list.oldest, list.oldest->next_));
    current->Drop(StatusOf(current->refusal_));
  }
  list.is_running = false;
}

// One that asks again, and finds no memory again, waits in the frame of the call that runs it: one
// at a time, so the stack does not grow with a `done` that tries again.
void Refusals::TellNoMemory(Done done) {
  constinit thread_local Done* next_of_outer = nullptr;
  if (next_of_outer != nullptr && !*next_of_outer) {
    *next_of_outer = std::move(done);
    return;
  }
  Done next;
  Done* const outer = std::exchange(next_of_outer, &next);
  while (done) {
    const absl::Status status = StatusOf(Refusal::kNoMemory);
    UserCode::RunUnreported([&] { done(status); });
    done = std::exchange(next, nullptr);
  }
  next_of_outer = outer;
}

}  // namespace rondo::reactor
