#include "engine/private_tables.h"

#include "base/status.h"
#include "sys/sys.h"

namespace rondo::engine {
namespace {

absl::Mutex engines_mutex(absl::kConstInit);
size_t engines ABSL_GUARDED_BY(engines_mutex) = 0;
bool one_is_private ABSL_GUARDED_BY(engines_mutex) = false;

}  // namespace

absl::StatusOr<Place> Place::Take(bool private_tables) {
  absl::MutexLock lock(&engines_mutex);
  if (engines > 0 && (private_tables || one_is_private)) {
    return absl::FailedPreconditionError(
        "an engine with Options::private_descriptor_tables must be the only one in its process; "
        "end the other first");
  }
  ++engines;
  one_is_private = private_tables;
  return Place();
}

Place::~Place() {
  if (!taken_) return;
  absl::MutexLock lock(&engines_mutex);
  --engines;
  one_is_private = false;
}

PrivateTables::PrivateTables(const std::vector<std::unique_ptr<loop::EventLoopImpl>>& loops) {
  for (const auto& loop : loops) {
    std::vector<int>& descriptors = descriptors_.emplace_back();
    for (const auto& acceptor : loop->listeners().all()) {
      for (const int fd : acceptor->descriptors()) {
        if (fd >= 0) descriptors.push_back(fd);
      }
    }
  }
}

void PrivateTables::Enter(size_t index) {
  const int result = sys::UnshareDescriptors();
  for (size_t other = 0; result == 0 && other < descriptors_.size(); ++other) {
    if (other != index) CloseAll(other);
  }
  absl::MutexLock lock(&mutex_);
  if (result == 0) {
    entered_.push_back(index);
  } else {
    ++failed_;
    failure_.Update(base::ErrnoStatus(-result, "close_range with CLOSE_RANGE_UNSHARE",
                                      "Options::private_descriptor_tables needs Linux 5.9 and a "
                                      "seccomp profile that lets it pass"));
  }
}

absl::Status PrivateTables::Settle(size_t threads) {
  absl::MutexLock lock(&mutex_);
  const auto all = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return entered_.size() + failed_ == threads;
  };
  mutex_.Await(absl::Condition(&all));
  for (const size_t index : entered_) CloseAll(index);
  return failure_;
}

void PrivateTables::CloseAll(size_t index) const {
  for (const int fd : descriptors_[index]) (void)sys::Close(fd);
}

}  // namespace rondo::engine
