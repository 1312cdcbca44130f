#include "stream/time/idle_timeouts.h"

#include <algorithm>
#include <new>

#include "base/check.h"

namespace rondo::stream {
namespace {

using reactor::Clock;
using reactor::kNever;
using reactor::Tick;

// What one turn looks at and closes; the rest is the next turn's.
constexpr int kLooksPerTurn = 1024;
constexpr int kClosesPerTurn = 256;
constexpr Tick kLongestTimeout = Tick{1} << 30;

}  // namespace

IdleTimeouts::Queue::Queue(IdleTimeouts& owner, Tick timeout)
    : Timer([](Timer& timer) {
        base::AssertOnLoop();
        auto& queue = static_cast<Queue&>(timer);
        queue.owner.Fire(queue);
      }),
      owner(owner),
      timeout(timeout) {}

IdleTimeouts::IdleTimeouts(StreamTable& table, const reactor::HandlerTable& handlers, Clock& clock,
                           StreamTimers& timers)
    : table_(table), clock_(clock), timers_(timers) {
  for (const reactor::HandlerEntry& entry : handlers) {
    const Tick now = Clock::Current();
    const Tick due = Clock::After(entry.options.idle_timeout);
    const bool is_alone = entry.options.read_idle_timeout == absl::InfiniteDuration() &&
                          entry.options.write_idle_timeout == absl::InfiniteDuration();
    const bool has_timeout = is_alone && due != kNever && due - now < kLongestTimeout;
    queues_.push_back(has_timeout ? std::make_unique<Queue>(*this, due - now) : nullptr);
  }
}

IdleTimeouts::~IdleTimeouts() {
  for (const auto& queue : queues_) {
    if (queue != nullptr) clock_.Cancel(*queue);
  }
}

bool IdleTimeouts::Add(StreamConnection& connection) {
  Queue* const queue = QueueOf(connection);
  if (queue == nullptr) return false;
  const uint32_t index = connection.id().index();
  const size_t number = index / StreamTable::kCells;
  if (number >= blocks_.size()) blocks_.resize(number + 1);
  if (blocks_[number] == nullptr) blocks_[number] = std::make_unique<Block>();
  ++blocks_[number]->used;
  connection.state.ClearActive();
  // The first timer sets the clock.
  if (!queue->scheduled()) clock_.Start(*queue, Clock::Current() + queue->timeout);
  // Not as of this turn, which may have begun long ago.
  Append(queue->quiet, index, Clock::Current());
  Restart(*queue);
  return true;
}

bool IdleTimeouts::IsLinked(Queue& queue, StreamConnection& connection) {
  const uint32_t index = connection.id().index();
  const size_t number = index / StreamTable::kCells;
  if (number >= blocks_.size() || blocks_[number] == nullptr) return false;
  return At(index).previous != kNone || ListOf(queue, connection).first == index;
}

IdleTimeouts::List& IdleTimeouts::ListOf(Queue& queue, StreamConnection& connection) {
  if (connection.state.IsActive()) return queue.recent;
  return sending_.contains(connection.id().index()) ? queue.sending : queue.quiet;
}

Tick IdleTimeouts::Remove(StreamConnection& connection) {
  Queue* const queue = QueueOf(connection);
  if (queue == nullptr || !IsLinked(*queue, connection)) return kNever;
  const uint32_t index = connection.id().index();
  Tick since = connection.state.IsActive() ? Clock::Current() : TickOf(At(index).since);
  if (const auto found = sending_.find(index); found != sending_.end()) {
    since = found->second.since;
  }
  Unlink(ListOf(*queue, connection), index);
  sending_.erase(index);
  connection.state.SetActive();
  std::unique_ptr<Block>& block = blocks_[index / StreamTable::kCells];
  if (--block->used == 0) block.reset();
  return since;
}

void IdleTimeouts::BecomeActive(StreamConnection& connection, Direction direction) {
  if (connection.rare != nullptr && connection.rare->deadlines != nullptr &&
      connection.rare->deadlines->has_idle()) {
    return connection.rare->deadlines->NoteActivity(direction, clock_.Now());
  }
  Queue* const queue = QueueOf(connection);
  const uint32_t index = connection.id().index();
  Unlink(ListOf(*queue, connection), index);
  sending_.erase(index);
  connection.state.SetActive();
  Append(queue->recent, index, clock_.Now());
  Restart(*queue);
}

void IdleTimeouts::Append(List& list, uint32_t index, Tick since) {
  At(index) = {.previous = list.last, .since = static_cast<uint32_t>(since)};
  (list.last == kNone ? list.first : At(list.last).next) = index;
  list.last = index;
}

void IdleTimeouts::Unlink(List& list, uint32_t index) {
  Place& place = At(index);
  (place.previous == kNone ? list.first : At(place.previous).next) = place.next;
  (place.next == kNone ? list.last : At(place.next).previous) = place.previous;
  place = {};
}

Tick IdleTimeouts::TickOf(uint32_t since) const {
  const Tick now = clock_.Now();
  // Negative when it was added later in this turn.
  const auto waited = static_cast<int32_t>(static_cast<uint32_t>(now) - since);
  return now - static_cast<Tick>(int64_t{waited});
}

Tick IdleTimeouts::DueOf(const List& list, Tick interval) {
  return list.first == kNone ? kNever : TickOf(At(list.first).since) + interval;
}

void IdleTimeouts::Restart(Queue& queue) {
  clock_.Restart(queue, std::min({DueOf(queue.quiet, queue.timeout),
                                  DueOf(queue.recent, LookInterval(queue.timeout)),
                                  DueOf(queue.sending, OutputLookInterval(queue.timeout))}));
}

void IdleTimeouts::Fire(Queue& queue) {
  const Tick now = clock_.Now();
  const Tick caught_up_to = clock_.CaughtUpTo();
  for (int i = 0; i < kLooksPerTurn && DueOf(queue.recent, LookInterval(queue.timeout)) <= now;
       ++i) {
    LookAtRecent(queue);
  }
  for (int i = 0;
       i < kLooksPerTurn && DueOf(queue.sending, OutputLookInterval(queue.timeout)) <= now; ++i) {
    LookAtSending(queue);
  }
  for (int i = 0; i < kClosesPerTurn && DueOf(queue.quiet, queue.timeout) <= caught_up_to; ++i) {
    const uint32_t index = queue.quiet.first;
    Unlink(queue.quiet, index);
    Append(queue.quiet, index, Clock::Current());
    timers_.OnTimeout(*table_.At(index), Timeout::kIdle);
  }
  Restart(queue);
}

// A byte may have moved just now, at the end of a turn that has begun long ago: a look counts as of
// the moment.
void IdleTimeouts::LookAtRecent(Queue& queue) {
  const uint32_t index = queue.recent.first;
  const Tick now = Clock::Current();
  StreamConnection& connection = *table_.At(index);
  Unlink(queue.recent, index);
  connection.state.ClearActive();
  Sending sending{.progress = {}, .since = now};
  (void)sending.progress.Look(connection);
  bool is_sending = sending.progress.is_waiting();
  try {
    if (is_sending) sending_.emplace(index, sending);
  } catch (const std::bad_alloc&) {
    // The timeout counts as if the peer did not read.
    is_sending = false;
  }
  Append(is_sending ? queue.sending : queue.quiet, index, now);
}

void IdleTimeouts::LookAtSending(Queue& queue) {
  const uint32_t index = queue.sending.first;
  const Tick now = Clock::Current();
  StreamConnection& connection = *table_.At(index);
  const auto found = sending_.find(index);
  Sending& sending = found->second;
  Unlink(queue.sending, index);
  if (sending.progress.Look(connection)) sending.since = now;
  const bool is_idle = sending.since + queue.timeout <= clock_.CaughtUpTo();
  if (is_idle) sending.since = now;
  if (sending.progress.is_waiting()) {
    Append(queue.sending, index, now);
  } else {
    sending_.erase(found);
    Append(queue.quiet, index, now);
  }
  if (is_idle) timers_.OnTimeout(connection, Timeout::kIdle);
}

}  // namespace rondo::stream
