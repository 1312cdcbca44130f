#include "engine/private_tables.h"

#include "base/status.h"
#include "sys/sys.h"

namespace rondo::engine {

PrivateTables::PrivateTables(const std::vector<std::unique_ptr<loop::EventLoopImpl>>& loops) {
  for (const auto& loop : loops) {
    std::vector<int>& descriptors = tables_.emplace_back().descriptors;
    for (const auto& acceptor : loop->listeners().all()) {
      for (const int fd : acceptor->descriptors()) {
        if (fd >= 0) descriptors.push_back(fd);
      }
    }
  }
}

void PrivateTables::Enter(size_t index) {
  Table& own = tables_[index];
  const int result = sys::UnshareDescriptors();
  if (result >= 0) {
    for (const Table& table : tables_) {
      if (&table != &own) CloseAll(table);
    }
  } else {
    own.failure = base::ErrnoStatus(-result, "close_range with CLOSE_RANGE_UNSHARE",
                                    "Options::private_descriptor_tables needs Linux 5.9 and a "
                                    "seccomp profile that lets it pass");
  }
  const bool failed = result < 0;
  own.entered.store(1, std::memory_order_release);
  sys::WakeAll(own.entered);
  // Until all have entered, this loop must close nothing: a thread that copies the table later
  // would close a reused number as its copy.
  while (failed && all_entered_.load(std::memory_order_acquire) == 0) {
    sys::WaitWhile(all_entered_, 0);
  }
}

absl::Status PrivateTables::AwaitEntered(size_t threads) {
  // All threads enter before anything is closed: one that enters later would copy a table in which
  // a number is free, or reused, and close that as its copy.
  for (size_t i = 0; i < threads; ++i) {
    // Acquires `failure`.
    while (tables_[i].entered.load(std::memory_order_acquire) == 0) {
      sys::WaitWhile(tables_[i].entered, 0);
    }
  }
  absl::Status failure;
  for (size_t i = 0; i < threads; ++i) {
    if (tables_[i].failure.ok()) CloseAll(tables_[i]);
    failure.Update(tables_[i].failure);
  }
  all_entered_.store(1, std::memory_order_release);
  sys::WakeAll(all_entered_);
  return failure;
}

void PrivateTables::CloseAll(const Table& table) {
  for (const int fd : table.descriptors) (void)sys::Close(fd);
}

}  // namespace rondo::engine
