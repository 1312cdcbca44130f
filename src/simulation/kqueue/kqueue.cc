#include "simulation/kqueue/kqueue.h"

#include <sys/epoll.h>

#include <algorithm>
#include <cerrno>

#include "base/check.h"

namespace rondo::simulation {
namespace {

constexpr uint32_t kEnd = EPOLLRDHUP | EPOLLHUP | EPOLLERR;

}  // namespace

class Kqueue::Filter final : public Watcher {
 public:
  Filter(Kqueue& queue, const struct kevent& change, File& file)
      : event(change), queue_(queue), file_(file) {
    file_.Watch(*this);
  }

  void Notify(uint32_t events) override {
    if ((events & Interest()) != 0) queue_.MakeReady(*this);
  }
  void Abandon() override { queue_.Remove(*this); }
  void NumberClosed(int fd) override {
    if (event.ident == static_cast<uintptr_t>(fd)) Unwatch();
  }
  // Removes it.
  void Unwatch() {
    file_.Unwatch(*this);
    queue_.Remove(*this);
  }
  void Forget() { file_.Unwatch(*this); }

  // What is true of the file now; false when that is nothing.
  bool Look(struct kevent* now) const {
    const uint32_t events = file_.Poll() & Interest();
    *now = event;
    now->flags &= EV_ONESHOT | EV_CLEAR;
    if ((events & kEnd) != 0) now->flags |= EV_EOF;
    if ((events & EPOLLERR) != 0) now->fflags = ECONNRESET;
    if (event.filter == EVFILT_READ) now->data = static_cast<int64_t>(file_.InputBytes());
    return events != 0;
  }

  struct kevent event;
  bool listed = false;

 private:
  uint32_t Interest() const {
    return event.filter == EVFILT_READ ? EPOLLIN | kEnd : EPOLLOUT | EPOLLHUP | EPOLLERR;
  }

  Kqueue& queue_;
  File& file_;
};

Kqueue::Kqueue(Scheduler& scheduler) : File(kKind), scheduler_(scheduler) {}

Kqueue::~Kqueue() {
  for (const auto& filter : filters_) filter->Forget();
}

int Kqueue::Change(const struct kevent& change, File* file) {
  if (change.filter == EVFILT_USER) return ChangeUser(change);
  RONDO_CHECK(change.filter == EVFILT_READ || change.filter == EVFILT_WRITE);
  if (file == nullptr) return -EBADF;
  Filter* filter = Find(change.ident, change.filter);
  if (change.flags == EV_DELETE) {
    if (filter == nullptr) return -ENOENT;
    filter->Unwatch();
    return 0;
  }
  RONDO_CHECK((change.flags & ~(EV_CLEAR | EV_ONESHOT)) == EV_ADD);
  if (filter == nullptr) {
    filter = filters_.emplace_back(std::make_unique<Filter>(*this, change, *file)).get();
  }
  filter->event = change;
  if (struct kevent now; filter->Look(&now)) MakeReady(*filter);
  return 0;
}

int Kqueue::ChangeUser(const struct kevent& change) {
  if (change.flags == (EV_ADD | EV_CLEAR)) {
    user_ = change;
    has_user_ = true;
    return 0;
  }
  if (!has_user_) return -ENOENT;
  RONDO_CHECK(change.flags == 0 && change.fflags == NOTE_TRIGGER);
  is_triggered_ = true;
  scheduler_.WakeAll(waiting_);
  return 0;
}

Kqueue::Filter* Kqueue::Find(uintptr_t number, short kind) const {
  const auto found = std::find_if(filters_.begin(), filters_.end(), [&](const auto& filter) {
    return filter->event.ident == number && filter->event.filter == kind;
  });
  return found == filters_.end() ? nullptr : found->get();
}

void Kqueue::MakeReady(Filter& filter) {
  if (!filter.listed) {
    filter.listed = true;
    ready_.push_back(&filter);
  }
  scheduler_.WakeAll(waiting_);
}

void Kqueue::Remove(Filter& filter) {
  if (filter.listed) std::erase(ready_, &filter);
  std::erase_if(filters_, [&](const auto& each) { return each.get() == &filter; });
}

int Kqueue::Collect(struct kevent* events, int capacity) {
  int count = 0;
  if (is_triggered_) {
    is_triggered_ = false;
    events[count++] = user_;
  }
  for (size_t left = ready_.size(); left > 0 && count < capacity; --left) {
    Filter& filter = *ready_.front();
    ready_.pop_front();
    filter.listed = false;
    if (!filter.Look(&events[count])) continue;
    ++count;
    if ((filter.event.flags & EV_ONESHOT) != 0) {
      filter.Unwatch();
    } else if ((filter.event.flags & EV_CLEAR) == 0) {
      filter.listed = true;
      ready_.push_back(&filter);
    }
  }
  return count;
}

}  // namespace rondo::simulation
