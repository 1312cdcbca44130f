#include "simulation/clock/clock.h"

#include <algorithm>

namespace rondo::simulation {

Event::~Event() {
  if (scheduled()) clock_->Cancel(*this);
}

void Clock::Schedule(Event& event, Time time) {
  if (event.scheduled()) Cancel(event);
  event.time_ = time;
  event.order_ = scheduled_++;
  event.clock_ = this;
  events_.push_back(&event);
  Sift(event, events_.size() - 1);
}

void Clock::Cancel(Event& event) {
  if (!event.scheduled()) return;
  const size_t place = event.place_;
  event.place_ = Event::kNowhere;
  Event* const last = events_.back();
  events_.pop_back();
  if (last != &event) Sift(*last, place);
}

void Clock::Sift(Event& event, size_t place) {
  while (place > 0 && Before(event, *events_[(place - 1) / 2])) {
    Put(*events_[(place - 1) / 2], place);
    place = (place - 1) / 2;
  }
  for (size_t child = 2 * place + 1; child < events_.size(); child = 2 * place + 1) {
    if (child + 1 < events_.size() && Before(*events_[child + 1], *events_[child])) ++child;
    if (!Before(*events_[child], event)) break;
    Put(*events_[child], place);
    place = child;
  }
  Put(event, place);
}

void Clock::HappenDue() {
  while (!events_.empty() && events_.front()->time_ <= now_) {
    Event& event = *events_.front();
    Cancel(event);
    event.Happen();
  }
}

bool Clock::JumpToNext() {
  if (events_.empty()) return false;
  now_ = std::max(now_, events_.front()->time_);
  HappenDue();
  return true;
}

}  // namespace rondo::simulation
