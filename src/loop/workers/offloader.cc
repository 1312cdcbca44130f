#include "loop/workers/offloader.h"

#include <utility>

#include "absl/status/status.h"

#include "loop/event_loop_impl.h"
#include "reactor/mail.h"
#include "reactor/user_code.h"
#include "reactor/workers/worker_job.h"
#include "stream/connection/generations.h"
#include "sys/sys.h"

namespace rondo::loop {
namespace {

using reactor::Mail;
using reactor::WorkerJob;

// A job on its way to the pool, and the same object as mail on its way back.
class OffloadJob final : public WorkerJob, public Mail {
 public:
  OffloadJob(stream::ConnectionName name, std::shared_ptr<reactor::Mailbox> mailbox,
             std::shared_ptr<Offloader::Away> away)
      : Mail(0), name_(name), mailbox_(std::move(mailbox)), away_(std::move(away)) {
    away_->count.fetch_add(1, std::memory_order_relaxed);
  }
  ~OffloadJob() override {
    work_.reset();
    // Sequentially consistent, as in AwaitAll: the one that waits sees that this was the last, or
    // this one sees that it waits.
    if (away_->count.fetch_sub(1) == 1 && away_->is_over) {
      sys::WakeAll(away_->count);
    }
  }

  void set_work(std::unique_ptr<OffloadedWork> work) { work_ = std::move(work); }
  std::unique_ptr<OffloadedWork> TakeWork() { return std::move(work_); }

  Outcome Run(std::unique_ptr<WorkerJob> self) override {
    Outcome outcome = Outcome::kDone;
    if (!away_->is_over) {
      failure_ = reactor::UserCode::RunUnlogged("the work of Connection::Offload",
                                                [this] { work_->Run(); });
      if (!failure_.ok()) outcome = Outcome::kThrew;
    }
    Return(std::move(self));
    return outcome;
  }
  void Drop(std::unique_ptr<WorkerJob> self, const absl::Status& reason) override {
    failure_ = reason;
    Return(std::move(self));
  }

  void Deliver(EventLoopImpl& loop) override RONDO_ON_LOOP {
    loop.streams().OnOffloaded(name_, std::move(work_), failure_);
  }
  // The loop has ended, and there is nothing left to tell.
  void Drop(const absl::Status&) override {}

 private:
  void Return(std::unique_ptr<WorkerJob> self) {
    const std::shared_ptr<reactor::Mailbox> mailbox = mailbox_;
    (void)self.release();
    (void)mailbox->PostUrgent(std::unique_ptr<Mail>(this));
  }

  const stream::ConnectionName name_;
  const std::shared_ptr<reactor::Mailbox> mailbox_;
  const std::shared_ptr<Offloader::Away> away_;
  std::unique_ptr<OffloadedWork> work_;
  absl::Status failure_;
};

}  // namespace

bool Offloader::Submit(poll::EndpointId id, uint32_t era, std::unique_ptr<OffloadedWork>& work) {
  auto made = std::make_unique<OffloadJob>(stream::ConnectionName{id, era}, mailbox_, away_);
  OffloadJob& carrier = *made;
  carrier.set_work(std::move(work));
  std::unique_ptr<WorkerJob> job = std::move(made);
  if (pool_->Queue(job)) return has_submitted_ = true;
  work = carrier.TakeWork();
  return false;
}

void Offloader::AwaitAll() {
  away_->is_over = true;
  for (uint32_t count = 0; (count = away_->count) > 0;) sys::WaitWhile(away_->count, count);
}

}  // namespace rondo::loop
