// Offloads is what one connection has given to the worker pool: how much of it is under way, and in
// what order the results are told. It belongs to its connection; loop thread only.
//
//   Offload ─▶ Begin ─▶ (kSerial, and one runs: waits) ─▶ the pool
//                                                           │
//   then    ◀─ TakeNext ◀─ (kOrdered: parked until those before it are back) ◀─ Return
//
// What is under way counts as output that waits: at ConnectionOptions::offloads the connection has
// a backlog, and Close and ShutdownWrite wait for it before they send a FIN.

#ifndef RONDO_STREAM_OFFLOAD_OFFLOADS_H_
#define RONDO_STREAM_OFFLOAD_OFFLOADS_H_

#include <cstddef>
#include <cstdint>
#include <memory>

#include "absl/status/status.h"

#include "rondo/offload.h"

namespace rondo::stream {

class Offloads {
 public:
  Offloads() = default;
  Offloads(const Offloads&) = delete;
  Offloads& operator=(const Offloads&) = delete;

  // How many results are still to be told.
  size_t under_way() const { return given_up_ ? 0 : under_way_; }

  // One more. Returns it when the pool may have it now; else it waits for TakeWaiting.
  std::unique_ptr<OffloadedWork> Begin(std::unique_ptr<OffloadedWork> work, OffloadOrder order);
  // The last Begin has returned one that the pool has refused.
  void TakeBack(std::unique_ptr<OffloadedWork> work);
  // `work` has come back from the pool. TakeNext returns it, now or later.
  void Return(std::unique_ptr<OffloadedWork> work, absl::Status failure);
  // One whose result must be told now; null when there is none.
  std::unique_ptr<OffloadedWork> TakeNext();
  static const absl::Status& FailureOf(const OffloadedWork& work) { return work.failure_; }
  // `work`, from TakeNext, was told. Returns the one that has waited for it, if there is one.
  std::unique_ptr<OffloadedWork> Told(std::unique_ptr<OffloadedWork> work);
  // Nothing is told any more, of what is under way.
  void GiveUp();

 private:
  static bool IsOrdered(const OffloadedWork& work) { return work.order_ != OffloadOrder::kAsDone; }

  size_t under_way_ = 0;
  // Of those that have an order: of the next to begin, and of the next to be told.
  uint32_t next_ticket_ = 0;
  uint32_t next_told_ = 0;
  bool given_up_ = false;
  // One with kSerial is at the pool, or was not told yet.
  bool is_serial_under_way_ = false;
  // Back from the pool and not told yet: those with kAsDone, then the others by their tickets.
  std::unique_ptr<OffloadedWork> returned_;
  // With kSerial, the oldest first.
  std::unique_ptr<OffloadedWork> waiting_;
};

}  // namespace rondo::stream

#endif  // RONDO_STREAM_OFFLOAD_OFFLOADS_H_
