// A Path carries the segments of a connection in one direction. They arrive in their order, each
// after its delay; what has none, with nothing ahead of it, arrives at once, within the call that
// sends it, as on a loopback interface.

#ifndef RONDO_SIMULATION_NETWORK_PATH_H_
#define RONDO_SIMULATION_NETWORK_PATH_H_

#include <algorithm>
#include <deque>

#include "simulation/clock/clock.h"
#include "simulation/network/segment.h"

namespace rondo::simulation {

// Where segments arrive.
class Receiver {
 public:
  // A segment for the end `to`.
  virtual void Deliver(int to, const Segment& segment) = 0;
  // The same when it comes by the clock and not within a call of this connection's: afterwards the
  // connection may have gone.
  virtual void DeliverLater(int to, const Segment& segment) = 0;

 protected:
  ~Receiver() = default;
};

class Path final : public Event {
 public:
  Path(Clock& clock, Receiver& receiver, int to) : clock_(clock), receiver_(receiver), to_(to) {}

  // What travels is lost.
  void Lose() {
    travelling_.clear();
    clock_.Cancel(*this);
  }
  bool idle() const { return travelling_.empty(); }
  void Send(const Segment& segment, Time delay) {
    if (delay == 0 && idle()) return receiver_.Deliver(to_, segment);
    last_arrival_ = std::max(last_arrival_, clock_.now() + delay);
    travelling_.push_back({segment, last_arrival_});
    if (!scheduled()) clock_.Schedule(*this, travelling_.front().arrival);
  }

 private:
  struct Travelling {
    Segment segment;
    Time arrival;
  };

  void Happen() override {
    const Segment segment = travelling_.front().segment;
    travelling_.pop_front();
    if (!idle()) clock_.Schedule(*this, travelling_.front().arrival);
    receiver_.DeliverLater(to_, segment);
  }

  Clock& clock_;
  Receiver& receiver_;
  const int to_;
  std::deque<Travelling> travelling_;
  Time last_arrival_ = 0;
};

}  // namespace rondo::simulation

#endif  // RONDO_SIMULATION_NETWORK_PATH_H_
