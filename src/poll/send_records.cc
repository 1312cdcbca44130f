#include "poll/send_records.h"

#include <new>
#include <utility>

namespace rondo::poll {

void SendRecords::Add() {
  // In pages of their own, so that Trim can give them back whatever the allocator does.
  void* const memory = sys::MapMemory(sizeof(SendRecord));
  if (memory == nullptr) throw std::bad_alloc();
  std::unique_ptr<SendRecord, Unmap> record(new (memory) SendRecord);
  if (vacant_.empty()) {
    vacant_.push_back(static_cast<uint32_t>(records_.size()));
    records_.emplace_back();
  }
  records_[vacant_.back()] = std::move(record);
  free_.push_back(vacant_.back());
  vacant_.pop_back();
}

void SendRecords::Trim() {
  for (const uint32_t number : free_) {
    records_[number].reset();
    vacant_.push_back(number);
  }
  free_.clear();
}

}  // namespace rondo::poll
