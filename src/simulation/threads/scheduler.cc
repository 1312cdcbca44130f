#include "simulation/threads/scheduler.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "absl/strings/str_cat.h"

#include "base/check.h"
#include "base/status.h"

namespace rondo::simulation {

void Thread::Happen() {
  timed_out_ = true;
  scheduler_->MakeReady(*this);
}

Scheduler::~Scheduler() {
  // What closing their files would wake has gone by then.
  std::vector<std::shared_ptr<DescriptorTable>> tables;
  for (const auto& thread : threads_) {
    if (thread->queue_ != nullptr) std::erase(thread->queue_->threads_, thread.get());
    tables.push_back(std::move(thread->descriptors_));
  }
  threads_.clear();
}

// --- Running.

absl::Status Scheduler::Run(std::shared_ptr<DescriptorTable> descriptors,
                            std::function<void()> main) {
  const uint64_t id = Start("main", std::move(descriptors), std::move(main)).id();
  while (failure_.ok() && !threads_.empty()) {
    if (!ready_.empty()) {
      const size_t next = random_.Below(ready_.size());
      std::swap(ready_[next], ready_.back());
      Thread& thread = *ready_.back();
      ready_.pop_back();
      Resume(thread);
      // Nothing joins the first one.
      if (thread.fiber_.ended() && thread.id() == id) Forget(thread);
      continue;
    }
    if (clock_.JumpToNext()) continue;
    failure_ = absl::InternalError(
        absl::StrCat("all threads wait, and nothing will happen any more:\n", Describe()));
  }
  return failure_;
}

void Scheduler::Resume(Thread& thread) {
  current_ = &thread;
  thread.fiber_.Resume();
  current_ = nullptr;
  if (!thread.fiber_.ended()) return;
  // As a thread that ends: a table of its own goes with it.
  thread.descriptors_.reset();
  WakeAll(thread.joining_);
}

std::string Scheduler::Describe() const {
  std::string text;
  for (const auto& thread : threads_) {
    absl::StrAppend(&text, "  ", thread->name_);
    if (thread->fiber_.ended()) {
      absl::StrAppend(&text, " has ended and was not joined");
    } else if (!thread->waits_) {
      absl::StrAppend(&text, thread.get() == current_ ? " runs" : " can run");
    } else {
      absl::StrAppend(&text, " waits in ", thread->wait_.call, "(", thread->wait_.object, ")");
      if (thread->deadline_ == kNever) {
        absl::StrAppend(&text, " for ever");
      } else {
        absl::StrAppend(&text, " for ", thread->deadline_ - clock_.now(), " ns");
      }
    }
    absl::StrAppend(&text, "\n");
  }
  return text;
}

// --- On a thread.

Thread& Scheduler::Start(std::string name, std::shared_ptr<DescriptorTable> descriptors,
                         std::function<void()> code) {
  Thread& thread = *threads_.emplace_back(std::make_unique<Thread>(
      ++started_, std::move(name), std::move(descriptors), std::move(code)));
  thread.scheduler_ = this;
  ready_.push_back(&thread);
  return thread;
}

void Scheduler::Join(uint64_t id) {
  const auto found = std::find_if(threads_.begin(), threads_.end(),
                                  [&](const auto& thread) { return thread->id_ == id; });
  if (found == threads_.end()) return;
  Thread& thread = **found;
  while (!thread.fiber_.ended()) {
    (void)Await(&thread.joining_, kNever, {"join", static_cast<int64_t>(id)});
  }
  Forget(thread);
}

bool Scheduler::Await(WaitQueue* queue, Time deadline, Wait wait) {
  Thread& self = *current_;
  self.waits_ = true;
  self.timed_out_ = false;
  self.wait_ = wait;
  self.deadline_ = deadline;
  self.queue_ = queue;
  if (queue != nullptr) queue->threads_.push_back(&self);
  if (deadline != kNever) clock_.Schedule(self, deadline);
  self.fiber_.Stop();
  return !self.timed_out_;
}

void Scheduler::Yield() {
  Thread& self = *current_;
  ready_.push_back(&self);
  self.fiber_.Stop();
}

void Scheduler::Fail(absl::Status status) {
  failure_ = std::move(status);
  // What is on its stack is lost, as with the threads that wait.
  for (;;) current_->fiber_.Stop();
}

// --- Waking.

void Scheduler::WakeAll(WaitQueue& queue) {
  while (!queue.threads_.empty()) MakeReady(*queue.threads_.front());
}

void Scheduler::MakeReady(Thread& thread) {
  clock_.Cancel(thread);
  if (thread.queue_ != nullptr) std::erase(thread.queue_->threads_, &thread);
  thread.queue_ = nullptr;
  thread.waits_ = false;
  ready_.push_back(&thread);
}

void Scheduler::Forget(const Thread& thread) {
  std::erase_if(threads_, [&](const auto& each) { return each.get() == &thread; });
}

}  // namespace rondo::simulation
