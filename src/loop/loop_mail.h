// What EventLoopImpl posts to itself from other threads: tasks, timers that begin, connections that
// were accepted elsewhere.

#ifndef RONDO_LOOP_LOOP_MAIL_H_
#define RONDO_LOOP_LOOP_MAIL_H_

#include <cstddef>
#include <memory>
#include <utility>

#include "absl/status/status.h"

#include "loop/event_loop_impl.h"
#include "reactor/mail.h"

namespace rondo::loop {

// What a callable of that size takes beside the Task in which it is: a small one is inside.
inline size_t OutsideTask(size_t bytes) { return bytes > 2 * sizeof(void*) ? bytes : 0; }

class TaskMail final : public reactor::Mail {
 public:
  TaskMail(EventLoop::Task task, size_t bytes)
      : Mail(sizeof(TaskMail) + OutsideTask(bytes)), task_(std::move(task)) {}
  void Deliver(EventLoopImpl& loop) override RONDO_ON_LOOP { loop.RunTask(task_, "a task"); }

 private:
  EventLoop::Task task_;
};

// What was scheduled on another thread.
class StartMail final : public reactor::Mail {
 public:
  StartMail(EventLoopImpl& loop, std::unique_ptr<TaskTimer>& timer, reactor::Tick due,
            size_t bytes)
      : Mail(sizeof(StartMail) + sizeof(TaskTimer) + OutsideTask(bytes)),
        loop_(loop),
        timer_(std::move(timer)),
        due_(due) {}
  void Deliver(EventLoopImpl& loop) override RONDO_ON_LOOP {
    loop.StartTimer(std::move(timer_), due_);
  }
  void Drop(const absl::Status&) override { loop_.ForgetTimer(std::move(timer_)); }

 private:
  EventLoopImpl& loop_;
  std::unique_ptr<TaskTimer> timer_;
  const reactor::Tick due_;
};

// Past the bound, and without a part in it: each holds a descriptor, of which there are few.
class AdoptMail final : public reactor::Mail {
 public:
  AdoptMail(EventLoopImpl& loop, UniqueFd& socket, const SocketAddress& peer,
            reactor::HandlerTable::Index handler)
      : Mail(0), loop_(loop), socket_(std::move(socket)), peer_(peer), handler_(handler) {}
  void Deliver(EventLoopImpl& loop) override RONDO_ON_LOOP {
    loop.OpenAdopted(std::move(socket_), peer_, handler_);
  }
  void Drop(const absl::Status& reason) override {
    loop_.RefuseAdopted(std::move(socket_), peer_, handler_, reason);
  }

 private:
  EventLoopImpl& loop_;
  UniqueFd socket_;
  const SocketAddress peer_;
  const reactor::HandlerTable::Index handler_;
};

}  // namespace rondo::loop

#endif  // RONDO_LOOP_LOOP_MAIL_H_
