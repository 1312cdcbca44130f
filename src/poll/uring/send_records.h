// A SendRecord is the memory of one send that the kernel works on: the bytes themselves, when they
// are few, or where the pieces of an outbound queue lie. It is the poller's until its completion
// has come, whatever becomes of the connection. SendRecords keeps them for the next send; it
// belongs to one poller and to its thread.

#ifndef RONDO_POLL_URING_SEND_RECORDS_H_
#define RONDO_POLL_URING_SEND_RECORDS_H_

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <vector>

#include "base/cold.h"
#include "poll/endpoint.h"
#include "sys/ring.h"

namespace rondo::poll::uring {

struct SendRecord {
  static constexpr size_t kBytes = 16 << 10;
  static constexpr size_t kPieces = 64;

  EndpointId id;
  // What `bytes` holds, and how much of it has gone; `length` 0 when the queue's pieces are sent.
  size_t length = 0;
  size_t sent = 0;
  msghdr message = {};
  union {
    std::array<char, kBytes> bytes;
    std::array<iovec, kPieces> pieces;
  };
  SendRecord() {}
};

class SendRecords {
 public:
  static constexpr uint32_t kNone = ~uint32_t{0};
  // A record, and the number that completions name it by; kNone when there is no memory.
  uint32_t Take() {
    if (free_.empty() && !Add()) [[unlikely]] return kNone;
    const uint32_t number = free_.back();
    free_.pop_back();
    fewest_free_ = std::min(fewest_free_, free_.size());
    return number;
  }
  SendRecord& At(uint32_t number) { return *records_[number]; }
  void Return(uint32_t number) { free_.push_back(number); }
  // Gives the memory of those that were never needed since the last Trim back to the system.
  void Trim() {
    for (; fewest_free_ > 0; --fewest_free_) {
      records_[free_.back()].reset();
      vacant_.push_back(free_.back());
      free_.pop_back();
    }
    fewest_free_ = free_.size();
  }

 private:
  // Two lines: what a small message touches.
  static constexpr size_t kOffsetStep = 128;
  static constexpr size_t kPage = 4 << 10;
  static constexpr size_t kMappedBytes = sizeof(SendRecord) + kPage;
  // Each begins at the start of a page or a little later.
  struct Unmap {
    void operator()(SendRecord* record) const {
      auto address = reinterpret_cast<uintptr_t>(record);
      sys::UnmapMemory(reinterpret_cast<void*>(address / kPage * kPage), kMappedBytes);
    }
  };

  RONDO_COLD bool Add() {
    if (vacant_.empty()) {
      vacant_.push_back(static_cast<uint32_t>(records_.size()));
      records_.emplace_back();
    }
    // In pages of their own, so that Trim can give them back whatever the allocator does, and not
    // all at the start of a page: the first lines of all of them would share one set of the cache.
    char* const memory = static_cast<char*>(sys::MapMemory(kMappedBytes));
    if (memory == nullptr) return false;
    const size_t offset = vacant_.back() * kOffsetStep % kPage;
    records_[vacant_.back()].reset(new (memory + offset) SendRecord);
    free_.push_back(vacant_.back());
    vacant_.pop_back();
    return true;
  }

  std::vector<std::unique_ptr<SendRecord, Unmap>> records_;
  std::vector<uint32_t> free_;
  // The least number of free records since the last Trim: so many were not needed.
  size_t fewest_free_ = 0;
  // Numbers that have no record at present.
  std::vector<uint32_t> vacant_;
};

}  // namespace rondo::poll::uring

#endif  // RONDO_POLL_URING_SEND_RECORDS_H_
