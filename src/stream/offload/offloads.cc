#include "stream/offload/offloads.h"

#include <utility>

namespace rondo::stream {

std::unique_ptr<OffloadedWork> Offloads::Begin(std::unique_ptr<OffloadedWork> work,
                                               OffloadOrder order) {
  work->order_ = order;
  if (IsOrdered(*work)) work->ticket_ = next_ticket_++;
  ++under_way_;
  if (order != OffloadOrder::kSerial || !std::exchange(is_serial_under_way_, true)) return work;
  std::unique_ptr<OffloadedWork>* end = &waiting_;
  while (*end != nullptr) end = &(*end)->next_;
  *end = std::move(work);
  return nullptr;
}

void Offloads::TakeBack(std::unique_ptr<OffloadedWork> work) {
  --under_way_;
  if (IsOrdered(*work)) --next_ticket_;
  if (work->order_ == OffloadOrder::kSerial) is_serial_under_way_ = false;
}

void Offloads::Return(std::unique_ptr<OffloadedWork> work, absl::Status failure) {
  if (given_up_) return;
  work->failure_ = std::move(failure);
  std::unique_ptr<OffloadedWork>* at = &returned_;
  if (IsOrdered(*work)) {
    // The difference, because tickets wrap around.
    const auto is_before = [&](const OffloadedWork& other) {
      return !IsOrdered(other) || static_cast<int32_t>(other.ticket_ - work->ticket_) < 0;
    };
    while (*at != nullptr && is_before(**at)) at = &(*at)->next_;
  }
  work->next_ = std::move(*at);
  *at = std::move(work);
}

std::unique_ptr<OffloadedWork> Offloads::TakeNext() {
  if (returned_ == nullptr) return nullptr;
  if (IsOrdered(*returned_)) {
    if (returned_->ticket_ != next_told_) return nullptr;
    ++next_told_;
  }
  std::unique_ptr<OffloadedWork> work = std::move(returned_);
  returned_ = std::move(work->next_);
  return work;
}

std::unique_ptr<OffloadedWork> Offloads::Told(std::unique_ptr<OffloadedWork> work) {
  --under_way_;
  if (work->order_ != OffloadOrder::kSerial) return nullptr;
  std::unique_ptr<OffloadedWork> next = std::move(waiting_);
  is_serial_under_way_ = next != nullptr;
  if (next != nullptr) waiting_ = std::move(next->next_);
  return next;
}

void Offloads::GiveUp() {
  given_up_ = true;
  returned_.reset();
  waiting_.reset();
}

}  // namespace rondo::stream
