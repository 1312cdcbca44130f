// Threads, time, chance, signals and names, as src/sys/sys.h has them.

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "simulation/calls/call.h"
#include "sys/sys.h"

namespace rondo::simulation {

void NotSimulated(const char* sentence) { base::CheckFailed(sentence, __FILE__, __LINE__); }

}  // namespace rondo::simulation

namespace rondo::sys {

using simulation::Call;
using simulation::CallPreemptibly;
using simulation::Fault;
using simulation::Kernel;
using simulation::NotSimulated;
using simulation::Time;

// --- Time and random numbers.

int64_t Now() {
  Kernel& kernel = Kernel::Current();
  kernel.Enter();
  return kernel.clock().now();
}

// To compute takes no time here.
int64_t ThreadCpuTime() { return 0; }

int64_t WallClock() {
  Kernel& kernel = Kernel::Current();
  kernel.Enter();
  return kernel.clock().wall_clock();
}

int Sleep(int64_t nanoseconds) {
  return Call("sleep", nanoseconds, [&](Kernel& kernel) {
    if (kernel.faults().Strikes(Fault::kInterruptedWait)) return -EINTR;
    (void)kernel.scheduler().Await(nullptr, kernel.DeadlineAfter(nanoseconds),
                                   {"sleep", nanoseconds});
    return 0;
  });
}

uint64_t Random() { return Kernel::Current().random().Next(); }

// --- Threads.

int StartThread(const std::string& name, std::function<void()> code, Thread* thread) {
  return Call("start thread", 0, [&](Kernel& kernel) {
    simulation::Scheduler& scheduler = kernel.scheduler();
    if (scheduler.thread_count() >= kernel.conditions().thread_limit) return -EAGAIN;
    const simulation::Thread& starter = scheduler.current();
    const std::string kept = name.empty() ? starter.name() : name.substr(0, 15);
    *thread = Thread{scheduler.Start(kept, starter.descriptors(), std::move(code)).id()};
    return 0;
  });
}

void JoinThread(Thread thread) {
  (void)Call("join", static_cast<int64_t>(thread), [&](Kernel& kernel) {
    kernel.scheduler().Join(static_cast<uint64_t>(thread));
    return 0;
  });
}

Thread CurrentThread() { return Thread{Kernel::Current().scheduler().current().id()}; }

int RunOnThread(const std::function<void()>& code) {
  Thread thread;
  const int result = StartThread("", code, &thread);
  if (result == 0) JoinThread(thread);
  return result;
}

void WaitWhile(const std::atomic<uint32_t>& word, uint32_t value, int64_t timeout_ns) {
  (void)CallPreemptibly("futex wait", value, [&](Kernel& kernel) {
    if (word.load(std::memory_order_acquire) != value || timeout_ns == 0) return -EAGAIN;
    if (kernel.faults().Strikes(Fault::kEarlyWake)) {
      kernel.scheduler().Yield();
      return 0;
    }
    const Time deadline =
        timeout_ns < 0 ? simulation::kNever : kernel.DeadlineAfter(timeout_ns);
    simulation::WaitQueue& queue = kernel.WaitingFor(&word);
    const bool woken = kernel.scheduler().Await(&queue, deadline, {"futex wait", value});
    kernel.TidyWaiting();
    return woken ? 0 : -ETIMEDOUT;
  });
}

void WakeAll(std::atomic<uint32_t>& word) {
  (void)Call("futex wake", 0, [&](Kernel& kernel) {
    kernel.scheduler().WakeAll(kernel.WaitingFor(&word));
    kernel.TidyWaiting();
    return 0;
  });
}

int SetThreadName(const std::string& name) {
  return Call("set thread name", 0, [&](Kernel& kernel) {
    kernel.scheduler().current().set_name(name.substr(0, 15));
    return 0;
  });
}

int BindThreadToCpu(int cpu) {
  return Call("bind to cpu", cpu, [&](Kernel& kernel) {
    return cpu >= 0 && cpu < kernel.conditions().cpus ? 0 : -EINVAL;
  });
}

int CpuCount() { return Kernel::Current().conditions().cpus; }

// --- Signals.

int CatchSignal(int, SignalHandler, SignalAction*) {
  NotSimulated("a signal is not simulated yet: use Engine::Start in place of Serve");
}

int RestoreSignal(int, const SignalAction&) { NotSimulated("a signal is not simulated yet"); }

// --- Names.

int Resolve(const std::string& host, int family, std::vector<sockaddr_storage>* addresses) {
  return Call("resolve", family, [&](Kernel&) {
    const std::string text = host == "localhost" ? "127.0.0.1" : host;
    sockaddr_storage storage = {};
    auto* const ipv4 = reinterpret_cast<sockaddr_in*>(&storage);
    auto* const ipv6 = reinterpret_cast<sockaddr_in6*>(&storage);
    if (family != AF_INET6 && inet_pton(AF_INET, text.c_str(), &ipv4->sin_addr) == 1) {
      ipv4->sin_family = AF_INET;
    } else if (family != AF_INET && inet_pton(AF_INET6, text.c_str(), &ipv6->sin6_addr) == 1) {
      ipv6->sin6_family = AF_INET6;
    } else {
      return EAI_NONAME;
    }
    addresses->push_back(storage);
    return 0;
  });
}

}  // namespace rondo::sys
