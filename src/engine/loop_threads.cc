#include "engine/loop_threads.h"

#include <cerrno>
#include <memory>
#include <new>
#include <utility>

#include "absl/strings/str_cat.h"

#include "base/status.h"
#include "engine/process/callback_thread.h"

namespace rondo::engine {

using loop::EventLoopImpl;

absl::Status LoopThreads::Start(const LoopSet& loops, Hooks hooks) {
  hooks_ = std::move(hooks);
  running_.store(1, std::memory_order_relaxed);
  absl::Status status;
  try {
    status = StartAll(loops);
  } catch (const std::bad_alloc&) {
    // The threads that were started end as always, and the wait for them returns.
    status = absl::ResourceExhaustedError("starting threads: no memory");
  }
  if (hooks_.after_start) status.Update(hooks_.after_start(threads_.size()));
  // From here on the thread that waits for the end may join them.
  Ended();
  return status;
}

absl::Status LoopThreads::StartAll(const LoopSet& loops) {
  threads_.reserve(loops.serving.size() + 1);
  absl::Status status;
  // The acceptor first: a stop goes through it, also the one that follows when no thread could be
  // started for one of the others.
  if (loops.acceptor != nullptr) {
    status = StartOne(*loops.acceptor, absl::StrCat(options_.thread_name, "/accept"),
                      EventLoopImpl::Role::kAcceptor);
  }
  for (const auto& loop : loops.serving) {
    if (!status.ok()) break;
    status = StartOne(*loop, absl::StrCat(options_.thread_name, "/", loop->index()),
                      EventLoopImpl::Role::kServing);
  }
  return status;
}

absl::Status LoopThreads::StartOne(EventLoopImpl& loop, const std::string& name,
                                   EventLoopImpl::Role role) {
  sys::Thread thread;
  running_.fetch_add(1, std::memory_order_relaxed);
  int result = -ENOMEM;
  try {
    result = sys::StartThread(name, [this, &loop, name, role] { Run(loop, name, role); }, &thread);
  } catch (const std::bad_alloc&) {
  }
  if (result == 0) {
    threads_.push_back(thread);
    return absl::OkStatus();
  }
  Ended();
  const absl::Status status =
      base::ErrnoStatus(-result, absl::StrCat("starting thread ", threads_.size() + 1),
                        "lower Options::loops or raise the limit of threads (ulimit -u)");
  return absl::ResourceExhaustedError(status.message());
}

void LoopThreads::Run(EventLoopImpl& loop, const std::string& name, EventLoopImpl::Role role) {
  {
    const CallbackThread callback(engine_);
    if (hooks_.before_run) hooks_.before_run(loop.index());
    if (role == EventLoopImpl::Role::kServing) BindToCpu(loop.index(), name);
    loop.Run(role);
  }
  Ended();
}

void LoopThreads::BindToCpu(size_t index, const std::string& name) const {
  if (options_.cpus.empty()) return;
  const int cpu = options_.cpus[index % options_.cpus.size()];
  const int result = sys::BindThreadToCpu(cpu);
  if (result >= 0) return;
  const absl::Status status =
      base::ErrnoStatus(-result, absl::StrCat("binding ", name, " to CPU ", cpu),
                        "it runs on any CPU; see Options::cpus");
  (void)engine_.log().Write(reactor::LogKind::kLifecycle, LogSeverity::kWarning,
                            base::ToStd(status.message()));
}

void LoopThreads::Ended() {
  // What each thread has done happens before all_ended.
  if (running_.fetch_sub(1, std::memory_order_acq_rel) == 1) hooks_.all_ended();
}

void LoopThreads::Join() {
  for (const sys::Thread thread : threads_) sys::JoinThread(thread);
  threads_.clear();
}

}  // namespace rondo::engine
