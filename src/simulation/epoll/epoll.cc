#include "simulation/epoll/epoll.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/check.h"

namespace rondo::simulation {
namespace {

constexpr uint32_t kAlways = EPOLLERR | EPOLLHUP;
constexpr uint32_t kNotSimulated = EPOLLONESHOT | EPOLLEXCLUSIVE | EPOLLWAKEUP;

}  // namespace

class Epoll::Entry final : public Watcher {
 public:
  Entry(Epoll& epoll, int fd, File& file) : epoll_(epoll), fd_(fd), file_(file) {
    file_.Watch(*this);
  }

  void Notify(uint32_t happened) override {
    if ((happened & events) != 0) epoll_.MakeReady(*this);
  }
  void Abandon() override { epoll_.Remove(*this); }

  // What is true of the file and was asked for.
  uint32_t Now() const { return file_.Poll() & events; }
  int fd() const { return fd_; }
  File& file() const { return file_; }

  uint32_t events = 0;
  uint64_t data = 0;
  bool listed = false;

 private:
  Epoll& epoll_;
  const int fd_;
  File& file_;
};

Epoll::Epoll(Scheduler& scheduler) : File(kKind), scheduler_(scheduler) {}

Epoll::~Epoll() {
  for (const auto& of_number : entries_) {
    for (const auto& entry : of_number) entry->file().Unwatch(*entry);
  }
}

int Epoll::Control(int operation, int fd, File& file, uint32_t events, uint64_t data) {
  RONDO_CHECK((events & kNotSimulated) == 0);
  RONDO_CHECK(file.kind() != Kind::kEpoll);
  Entry* entry = Find(fd, file);
  switch (operation) {
    case EPOLL_CTL_ADD:
      if (entry != nullptr) return -EEXIST;
      if (static_cast<size_t>(fd) >= entries_.size()) entries_.resize(static_cast<size_t>(fd) + 1);
      entry = entries_[static_cast<size_t>(fd)]
                  .emplace_back(std::make_unique<Entry>(*this, fd, file))
                  .get();
      break;
    case EPOLL_CTL_MOD:
      if (entry == nullptr) return -ENOENT;
      break;
    case EPOLL_CTL_DEL:
      if (entry == nullptr) return -ENOENT;
      file.Unwatch(*entry);
      Remove(*entry);
      return 0;
    default:
      return -EINVAL;
  }
  entry->events = events | kAlways;
  entry->data = data;
  if (entry->Now() != 0) MakeReady(*entry);
  return 0;
}

Epoll::Entry* Epoll::Find(int fd, const File& file) const {
  if (static_cast<size_t>(fd) >= entries_.size()) return nullptr;
  for (const auto& entry : entries_[static_cast<size_t>(fd)]) {
    if (&entry->file() == &file) return entry.get();
  }
  return nullptr;
}

void Epoll::MakeReady(Entry& entry) {
  if (!entry.listed) {
    entry.listed = true;
    ready_.push_back(&entry);
  }
  scheduler_.WakeAll(waiting_);
}

void Epoll::Remove(Entry& entry) {
  if (entry.listed) std::erase(ready_, &entry);
  std::erase_if(entries_[static_cast<size_t>(entry.fd())],
                [&](const auto& each) { return each.get() == &entry; });
}

int Epoll::Collect(epoll_event* events, int capacity) {
  int count = 0;
  // What is listed again while this runs waits for the next time.
  for (size_t left = ready_.size(); left > 0 && count < capacity; --left) {
    Entry& entry = *ready_.front();
    ready_.pop_front();
    entry.listed = false;
    const uint32_t now = entry.Now();
    if (now == 0) continue;
    events[count].events = now;
    events[count].data.u64 = entry.data;
    ++count;
    if ((entry.events & EPOLLET) != 0) continue;
    entry.listed = true;
    ready_.push_back(&entry);
  }
  return count;
}

}  // namespace rondo::simulation
