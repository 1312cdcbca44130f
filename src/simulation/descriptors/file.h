// A File is what descriptors stand for: an open file description of one of some kinds. It lives for
// as long as a descriptor of it is open in any table, or a call on it runs; the last one that lets
// go of it destroys it, as the last close(2) does. A Watcher is an entry of an epoll set: it is
// told of what changes at the file, and asks it for its state.

#ifndef RONDO_SIMULATION_DESCRIPTORS_FILE_H_
#define RONDO_SIMULATION_DESCRIPTORS_FILE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace rondo::simulation {

class Watcher {
 public:
  // Something has happened to the file of which `events` (EPOLLIN, ...) tell; ~0: it may be
  // anything.
  virtual void Notify(uint32_t events) = 0;
  // The file is being destroyed: the watcher leaves everything, and may be destroyed.
  virtual void Abandon() = 0;
  // The number `fd` of the file was closed, in one table.
  virtual void NumberClosed(int /*fd*/) {}

 protected:
  ~Watcher() = default;
};

class File {
 public:
  enum class Kind { kTcpSocket, kEpoll, kKqueue, kEventFd, kRegular, kNull };

  explicit File(Kind kind) : kind_(kind) {}
  virtual ~File();
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  Kind kind() const { return kind_; }
  // What poll(2) says of it now.
  virtual uint32_t Poll() { return 0; }
  // How much a receive would bring; of a listener, whether a connection waits.
  virtual size_t InputBytes() const { return 0; }
  // Whether poll(2) waits for it; an epoll set takes no other (EPERM).
  bool pollable() const { return kind_ != Kind::kRegular && kind_ != Kind::kNull; }

  void Watch(Watcher& watcher) { watchers_.push_back(&watcher); }
  void Unwatch(Watcher& watcher) { std::erase(watchers_, &watcher); }
  // One of its numbers was closed.
  void NumberClosed(int fd);

 protected:
  void Notify(uint32_t events) {
    for (Watcher* const watcher : watchers_) watcher->Notify(events);
  }

 private:
  const Kind kind_;
  std::vector<Watcher*> watchers_;
};

}  // namespace rondo::simulation

#endif  // RONDO_SIMULATION_DESCRIPTORS_FILE_H_
