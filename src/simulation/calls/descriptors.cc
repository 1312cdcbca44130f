// Descriptors, files and waiting for events, as src/sys/sys.h has them.

#include <sys/epoll.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

#include "simulation/descriptors/event_counter.h"
#include "simulation/descriptors/regular_file.h"
#include "simulation/epoll/epoll.h"
#include "simulation/calls/call.h"
#include "sys/sys.h"

namespace rondo::sys {

using simulation::Call;
using simulation::CallPreemptibly;
using simulation::Epoll;
using simulation::EventCounter;
using simulation::Fault;
using simulation::File;
using simulation::Kernel;
using simulation::RegularFile;
using simulation::Time;

int Close(int fd) {
  return Call("close", fd, [&](Kernel& kernel) { return kernel.descriptors().Close(fd); });
}

int Duplicate(int fd) {
  return Call("dup", fd, [&](Kernel& kernel) {
    const std::shared_ptr<File> file = kernel.descriptors().Find(fd);
    return file == nullptr ? -EBADF : kernel.descriptors().Add(file);
  });
}

int IdentifyFile(int fd, base::FileId* id) {
  return Call("fstat", fd, [&](Kernel& kernel) {
    const auto* const file = kernel.descriptors().FindAs<RegularFile>(fd);
    if (file == nullptr) return kernel.descriptors().Find(fd) == nullptr ? -EBADF : -EINVAL;
    *id = file->id();
    return 0;
  });
}

int OpenToRead(const std::string& path) {
  return Call("open", static_cast<int64_t>(path.size()), [&](Kernel& kernel) {
    const std::shared_ptr<File> file = kernel.OpenFile(path);
    return file == nullptr ? -ENOENT : kernel.descriptors().Add(file);
  });
}

ssize_t ReadAt(int fd, void* into, size_t length, int64_t offset) {
  return Call("pread", fd, [&](Kernel& kernel) -> ssize_t {
    const auto* const file = kernel.descriptors().FindAs<RegularFile>(fd);
    if (file == nullptr) return kernel.descriptors().Find(fd) == nullptr ? -EBADF : -ESPIPE;
    if (static_cast<size_t>(offset) >= file->content().size()) return 0;
    const size_t read = file->content().copy(static_cast<char*>(into), length,
                                             static_cast<size_t>(offset));
    return static_cast<ssize_t>(read);
  });
}

int OpenReserve() {
  return Call("open /dev/null", 0, [](Kernel& kernel) {
    return kernel.descriptors().Add(std::make_shared<simulation::NullFile>());
  });
}

int UnshareDescriptors() {
  return Call("unshare", 0, [](Kernel& kernel) {
    kernel.scheduler().current().set_descriptors(
        std::make_shared<simulation::DescriptorTable>(kernel.descriptors()));
    return 0;
  });
}

// --- Waiting and waking.

int EpollCreate() {
  return Call("epoll_create", 0, [](Kernel& kernel) {
    return kernel.descriptors().Add(std::make_shared<Epoll>(kernel.scheduler()));
  });
}

int EpollControl(int epoll, int operation, int fd, uint32_t events, uint64_t data) {
  return CallPreemptibly("epoll_ctl", fd, [&](Kernel& kernel) {
    auto* const set = kernel.descriptors().FindAs<Epoll>(epoll);
    const std::shared_ptr<File>& file = kernel.descriptors().Find(fd);
    if (file == nullptr || kernel.descriptors().Find(epoll) == nullptr) return -EBADF;
    if (set == nullptr) return -EINVAL;
    if (!file->pollable()) return -EPERM;
    return set->Control(operation, fd, *file, events, data);
  });
}

namespace {

// Waits until `deadline`, or does not when that has passed.
int Wait(int epoll, epoll_event* events, int capacity, Time timeout) {
  return CallPreemptibly("epoll_wait", epoll, [&](Kernel& kernel) {
    // The call keeps the set, also when another thread closes the descriptor meanwhile.
    const std::shared_ptr<File> file = kernel.descriptors().Find(epoll);
    if (file == nullptr) return -EBADF;
    if (file->kind() != Epoll::kKind || capacity <= 0) return -EINVAL;
    auto& set = static_cast<Epoll&>(*file);
    if (timeout != 0 && kernel.faults().Strikes(Fault::kInterruptedWait)) return 0;
    const Time deadline = kernel.DeadlineAfter(timeout);
    for (bool in_time = timeout != 0;;) {
      const int count = set.Collect(events, capacity);
      if (count > 0 || !in_time) return count;
      in_time = kernel.scheduler().Await(&set.waiting(), deadline, {"epoll_wait", epoll});
    }
  });
}

}  // namespace

int EpollWait(int epoll, epoll_event* events, int capacity, int timeout_ms) {
  const Time timeout = timeout_ms < 0 ? simulation::kNever : Time{timeout_ms} * 1'000'000;
  return Wait(epoll, events, capacity, timeout);
}

int EpollWaitNanoseconds(int epoll, epoll_event* events, int capacity, int64_t timeout_ns) {
  return Wait(epoll, events, capacity, timeout_ns);
}

int EventFd() {
  return Call("eventfd", 0, [](Kernel& kernel) {
    return kernel.descriptors().Add(std::make_shared<EventCounter>());
  });
}

int SignalEventFd(int event_fd) {
  return CallPreemptibly("write eventfd", event_fd, [&](Kernel& kernel) {
    auto* const counter = kernel.descriptors().FindAs<EventCounter>(event_fd);
    if (counter == nullptr) return -EBADF;
    counter->Signal();
    return static_cast<int>(sizeof(uint64_t));
  });
}

}  // namespace rondo::sys
