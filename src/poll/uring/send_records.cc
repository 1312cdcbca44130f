#include "poll/uring/send_records.h"

#include <new>
#include <utility>

namespace rondo::poll::uring {
namespace {

// Two lines: what a small message touches.
constexpr size_t kOffsetStep = 128;

}  // namespace

bool SendRecords::Add() {
  if (vacant_.empty()) {
    vacant_.push_back(static_cast<uint32_t>(records_.size()));
    records_.emplace_back();
  }
  // In pages of their own, so that Trim can give them back whatever the allocator does, and not all
  // at the start of a page: the first lines of all of them would share one set of the cache.
  char* const memory = static_cast<char*>(sys::MapMemory(kMappedBytes));
  if (memory == nullptr) return false;
  const size_t offset = vacant_.back() * kOffsetStep % kPage;
  std::unique_ptr<SendRecord, Unmap> record(new (memory + offset) SendRecord);
  records_[vacant_.back()] = std::move(record);
  free_.push_back(vacant_.back());
  vacant_.pop_back();
  return true;
}

void SendRecords::Trim() {
  for (; fewest_free_ > 0; --fewest_free_) {
    records_[free_.back()].reset();
    vacant_.push_back(free_.back());
    free_.pop_back();
  }
  fewest_free_ = free_.size();
}

}  // namespace rondo::poll::uring
