// Gate holds tasks until a test opens it, and lets the test wait until so many have come. Any
// thread.

#ifndef RONDO_TESTS_WORKERS_GATE_H_
#define RONDO_TESTS_WORKERS_GATE_H_

#include <condition_variable>
#include <mutex>

namespace rondo::testing {

class Gate {
 public:
  // A task: comes, and waits until the gate is open.
  void Pass() {
    std::unique_lock lock(mutex_);
    ++came_;
    changed_.notify_all();
    changed_.wait(lock, [&] { return open_; });
  }
  // Waits until `count` tasks have come.
  void Await(int count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return came_ >= count; });
  }
  void Open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  int came() const {
    const std::lock_guard lock(mutex_);
    return came_;
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  int came_ = 0;
  bool open_ = false;
};

}  // namespace rondo::testing

#endif  // RONDO_TESTS_WORKERS_GATE_H_
