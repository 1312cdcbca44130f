#include "stream/time/connection_timer.h"

#include <memory>
#include <utility>

#include "stream/connection/stream_connection.h"
#include "stream/stream_services.h"

namespace rondo::stream {

ConnectionTimer::ConnectionTimer(StreamConnection& connection, Task task)
    : connection_(connection), task_(std::move(task)) {}

TimerId ConnectionTimer::Start(StreamConnection& connection, absl::Duration delay, Task task) {
  if (connection.state.HasEnded()) return TimerId::kNone;
  ConnectionTimer** const first = &connection.EnsureRareState().timers;
  auto owned = std::make_unique<ConnectionTimer>(connection, std::move(task));
  ConnectionTimer* const timer = owned.get();
  const TimerId id = connection.services().loop.Schedule(delay, [owned = std::move(owned)] {
    base::AssertOnLoop();
    owned->Run();
  });
  // One that never runs is destroyed already.
  if (id == TimerId::kNone || delay == absl::InfiniteDuration()) return id;
  timer->id_ = id;
  timer->Link(first);
  return id;
}

void ConnectionTimer::CancelAll(StreamConnection& connection) {
  if (connection.rare == nullptr) return;
  // One that another thread has cancelled stays with the loop for a moment, and outlives the list.
  while (ConnectionTimer* const timer = connection.rare->timers) {
    timer->Unlink();
    connection.services().loop.Cancel(timer->id_);
  }
}

void ConnectionTimer::Run() {
  StreamConnection& connection = connection_;
  Unlink();
  if (connection.state.HasEnded()) return;
  connection.services().timers.RunTask(connection, [this](Connection& its) { task_(its); });
}

void ConnectionTimer::Link(ConnectionTimer** first) {
  next_ = *first;
  link_ = first;
  if (next_ != nullptr) next_->link_ = &next_;
  *first = this;
}

void ConnectionTimer::Unlink() {
  if (link_ == nullptr) return;
  *link_ = next_;
  if (next_ != nullptr) next_->link_ = link_;
  link_ = nullptr;
}

}  // namespace rondo::stream
