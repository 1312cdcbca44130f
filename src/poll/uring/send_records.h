// A SendRecord is the memory of one send that the kernel works on: the bytes themselves, when they
// are few, or where the pieces of an outbound queue lie. It is the poller's until its completion
// has come, whatever becomes of the connection. SendRecords keeps a bounded number of them for the
// next send, and allocates nothing else; it belongs to one poller and to its thread.

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
  // There are no more at a time: what would need another is sent by a call of its own. So a
  // broadcast copies its bytes for some of the connections only, whose number does not matter.
  static constexpr uint32_t kMost = 512;
  static constexpr uint32_t kNone = ~uint32_t{0};

  // A record, and the number that completions name it by; kNone when there are no more, or there is
  // no memory.
  uint32_t Take() {
    if (free_count_ == 0 && !Add()) [[unlikely]] return kNone;
    const uint32_t number = free_[--free_count_];
    fewest_free_ = std::min(fewest_free_, free_count_);
    return number;
  }
  SendRecord& At(uint32_t number) { return *records_[number]; }
  void Return(uint32_t number) { free_[free_count_++] = number; }
  // Of the records that there are, in use or not.
  size_t held_bytes() const { return (known_ - vacant_count_) * kMappedBytes; }
  // Gives the memory of those that were never needed since the last Trim back to the system.
  void Trim() {
    for (; fewest_free_ > 0; --fewest_free_) {
      const uint32_t number = free_[--free_count_];
      records_[number].reset();
      vacant_[vacant_count_++] = number;
    }
    fewest_free_ = free_count_;
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
    if (vacant_count_ == 0) {
      if (known_ == kMost) return false;
      vacant_[vacant_count_++] = known_++;
    }
    // In pages of their own, so that Trim can give them back whatever the allocator does, and not
    // all at the start of a page: the first lines of all of them would share one set of the cache.
    char* const memory = static_cast<char*>(sys::MapMemory(kMappedBytes));
    if (memory == nullptr) return false;
    const uint32_t number = vacant_[--vacant_count_];
    records_[number].reset(new (memory + number * kOffsetStep % kPage) SendRecord);
    free_[free_count_++] = number;
    return true;
  }

  // By number; null where there is no record at present. The first `known_` of them have had one.
  std::array<std::unique_ptr<SendRecord, Unmap>, kMost> records_;
  uint32_t known_ = 0;
  // Numbers of records that are not in use, and how many of them were never needed since the last
  // Trim.
  std::array<uint32_t, kMost> free_;
  uint32_t free_count_ = 0;
  uint32_t fewest_free_ = 0;
  // Numbers that have no record at present.
  std::array<uint32_t, kMost> vacant_;
  uint32_t vacant_count_ = 0;
};

}  // namespace rondo::poll::uring

#endif  // RONDO_POLL_URING_SEND_RECORDS_H_
