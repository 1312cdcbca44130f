#include "tests/kernel/faulty_sys.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <limits>
#include <mutex>
#include <utility>

#include "base/check.h"
#include "tests/kernel/faulty_call.h"
#include "tests/kernel/real_sys.h"

namespace rondo::testing {
namespace {

constexpr size_t kUnlimited = std::numeric_limits<size_t>::max();

struct Fault {
  int error = 0;
  int times = 0;
  size_t limit = kUnlimited;
  std::function<void(int fd)> before;
  int64_t count = 0;
};

std::atomic<bool> active = false;
std::atomic<int64_t> clock_offset = 0;
// Where the clocks stand; negative: they run.
std::atomic<int64_t> clock_stopped_at = -1;
std::atomic<int64_t> wall_clock_stopped_at = -1;
std::atomic<int64_t> wall_clock_step = 0;
std::mutex mutex;  // guards `faults`
std::array<Fault, static_cast<size_t>(Call::kCount)> faults;

Fault& FaultOf(Call call) {
  return faults[static_cast<size_t>(call)];
}

}  // namespace

int Enter(Call call, int fd) {
  if (!active) return 0;
  std::function<void(int)> before;
  int error = 0;
  {
    const std::lock_guard lock(mutex);
    Fault& fault = FaultOf(call);
    ++fault.count;
    before = fault.before;
    if (fault.times != 0) error = fault.error;
    if (fault.times > 0) --fault.times;
  }
  if (before) before(fd);
  return error;
}

size_t Shortened(Call call, size_t length) {
  if (!active) return length;
  const std::lock_guard lock(mutex);
  return std::min(length, FaultOf(call).limit);
}

FaultySys::FaultySys() {
  RONDO_CHECK(!active.exchange(true));
}

FaultySys::~FaultySys() {
  const std::lock_guard lock(mutex);
  active = false;
  clock_offset = 0;
  clock_stopped_at = -1;
  wall_clock_stopped_at = -1;
  wall_clock_step = 0;
  faults.fill({});
}

void FaultySys::Fail(Call call, int error, int times) {
  const std::lock_guard lock(mutex);
  FaultOf(call).error = error;
  FaultOf(call).times = times;
}

void FaultySys::Shorten(Call call, size_t bytes) {
  const std::lock_guard lock(mutex);
  FaultOf(call).limit = bytes;
}

void FaultySys::Before(Call call, std::function<void(int fd)> hook) {
  const std::lock_guard lock(mutex);
  FaultOf(call).before = std::move(hook);
}

void FaultySys::AdvanceClock(int64_t nanoseconds) {
  clock_offset += nanoseconds;
}

void FaultySys::StopClock() {
  clock_stopped_at = real_sys::Now();
  wall_clock_stopped_at = real_sys::WallClock();
}

void FaultySys::StepWallClock(int64_t nanoseconds) {
  wall_clock_step += nanoseconds;
}

int64_t FaultySys::count(Call call) const {
  const std::lock_guard lock(mutex);
  return FaultOf(call).count;
}

}  // namespace rondo::testing

namespace rondo::sys {

using testing::Call;
using testing::Do;
using testing::Enter;
using testing::Shortened;

int Socket(int family, int type, int protocol) {
  return Do(Call::kSocket, -1, [&] { return real_sys::Socket(family, type, protocol); });
}

int Bind(int fd, const sockaddr* address, socklen_t length) {
  return Do(Call::kBind, fd, [&] { return real_sys::Bind(fd, address, length); });
}

int Listen(int fd, int backlog) {
  return Do(Call::kListen, fd, [&] { return real_sys::Listen(fd, backlog); });
}

int Accept(int listener, sockaddr* peer, socklen_t* length) {
  return Do(Call::kAccept, listener, [&] { return real_sys::Accept(listener, peer, length); });
}

int Shutdown(int fd, int how) {
  return Do(Call::kShutdown, fd, [&] { return real_sys::Shutdown(fd, how); });
}

int ResetConnection(int fd) {
  return Do(Call::kResetConnection, fd, [&] { return real_sys::ResetConnection(fd); });
}

int GetSocketName(int fd, sockaddr* address, socklen_t* length) {
  return Do(Call::kGetSocketName, fd, [&] { return real_sys::GetSocketName(fd, address, length); });
}

int GetOption(int fd, int level, int option, void* value, socklen_t* length) {
  return Do(Call::kGetOption, fd,
            [&] { return real_sys::GetOption(fd, level, option, value, length); });
}

int SetOption(int fd, int level, int option, const void* value, socklen_t length) {
  return Do(Call::kSetOption, fd,
            [&] { return real_sys::SetOption(fd, level, option, value, length); });
}

int KeepIdleOption() { return real_sys::KeepIdleOption(); }

ssize_t Receive(int fd, void* into, size_t length) {
  return Do(Call::kReceive, fd,
            [&] { return real_sys::Receive(fd, into, Shortened(Call::kReceive, length)); });
}

ssize_t Send(int fd, const void* bytes, size_t length) {
  return Do(Call::kSend, fd,
            [&] { return real_sys::Send(fd, bytes, Shortened(Call::kSend, length)); });
}

ssize_t SendMessage(int fd, const iovec* pieces, size_t count) {
  return Do(Call::kSendMessage, fd, [&] {
    std::vector<iovec> shortened(pieces, pieces + count);
    size_t left = Shortened(Call::kSendMessage, testing::kUnlimited);
    for (iovec& piece : shortened) {
      piece.iov_len = std::min(piece.iov_len, left);
      left -= piece.iov_len;
    }
    return real_sys::SendMessage(fd, shortened.data(), count);
  });
}

ssize_t SendFile(int fd, int file, int64_t* offset, size_t length) {
  return Do(Call::kSendFile, fd, [&] {
    return real_sys::SendFile(fd, file, offset, Shortened(Call::kSendFile, length));
  });
}

int UnacknowledgedBytes(int fd) {
  return Do(Call::kUnacknowledgedBytes, fd, [&] { return real_sys::UnacknowledgedBytes(fd); });
}

int UnreadBytes(int fd) {
  return Do(Call::kUnreadBytes, fd, [&] { return real_sys::UnreadBytes(fd); });
}

int Close(int fd) {
  const int error = Enter(Call::kClose, fd);
  const int result = real_sys::Close(fd);
  return error != 0 ? -error : result;
}

int Duplicate(int fd) {
  return Do(Call::kDuplicate, fd, [&] { return real_sys::Duplicate(fd); });
}

int IdentifyFile(int fd, base::FileId* id) { return real_sys::IdentifyFile(fd, id); }
int OpenToRead(const std::string& path) {
  return Do(Call::kOpenToRead, -1, [&] { return real_sys::OpenToRead(path); });
}

ssize_t ReadAt(int fd, void* into, size_t length, int64_t offset) {
  return real_sys::ReadAt(fd, into, length, offset);
}
int OpenReserve() {
  return Do(Call::kOpenReserve, -1, [&] { return real_sys::OpenReserve(); });
}

int UnshareDescriptors() {
  return Do(Call::kUnshareDescriptors, -1, [] { return real_sys::UnshareDescriptors(); });
}

int SocketPair(std::array<int, 2>* pair) { return real_sys::SocketPair(pair); }

int EpollCreate() {
  return Do(Call::kEpollCreate, -1, [&] { return real_sys::EpollCreate(); });
}

int EpollControl(int epoll, int operation, int fd, uint32_t events, uint64_t data) {
  return Do(Call::kEpollControl, fd,
            [&] { return real_sys::EpollControl(epoll, operation, fd, events, data); });
}

int EpollWait(int epoll, epoll_event* events, int capacity, int timeout_ms) {
  return Do(Call::kEpollWait, epoll,
            [&] { return real_sys::EpollWait(epoll, events, capacity, timeout_ms); });
}

int EpollWaitNanoseconds(int epoll, epoll_event* events, int capacity, int64_t timeout_ns) {
  return Do(Call::kEpollWaitNanoseconds, epoll, [&] {
    return real_sys::EpollWaitNanoseconds(epoll, events, capacity, timeout_ns);
  });
}

int EventFd() {
  return Do(Call::kEventFd, -1, [&] { return real_sys::EventFd(); });
}

int SignalEventFd(int event_fd) {
  return Do(Call::kSignalEventFd, event_fd, [&] { return real_sys::SignalEventFd(event_fd); });
}

int Sleep(int64_t nanoseconds) {
  return Do(Call::kSleep, -1, [&] { return real_sys::Sleep(nanoseconds); });
}

int64_t Now() {
  Enter(Call::kNow, -1);
  const int64_t stopped_at = testing::clock_stopped_at;
  return (stopped_at < 0 ? real_sys::Now() : stopped_at) + testing::clock_offset;
}

int64_t ThreadCpuTime() { return real_sys::ThreadCpuTime(); }

int CatchSignal(int signal, SignalHandler handler, SignalAction* before) {
  return real_sys::CatchSignal(signal, handler, before);
}

int RestoreSignal(int signal, const SignalAction& before) {
  return real_sys::RestoreSignal(signal, before);
}

int64_t WallClock() {
  const int64_t stopped_at = testing::wall_clock_stopped_at;
  return (stopped_at < 0 ? real_sys::WallClock() : stopped_at) + testing::clock_offset +
         testing::wall_clock_step;
}

uint64_t Random() { return real_sys::Random(); }

int StartThread(const std::string& name, std::function<void()> code, Thread* thread) {
  return Do(Call::kStartThread, -1, [&] {
    real_sys::Thread started = real_sys::Thread::kNone;
    const int result = real_sys::StartThread(name, std::move(code), &started);
    *thread = static_cast<Thread>(started);
    return result;
  });
}

void JoinThread(Thread thread) { real_sys::JoinThread(static_cast<real_sys::Thread>(thread)); }

Thread CurrentThread() { return static_cast<Thread>(real_sys::CurrentThread()); }

int RunOnThread(const std::function<void()>& code) { return real_sys::RunOnThread(code); }

void WaitWhile(const std::atomic<uint32_t>& word, uint32_t value, int64_t timeout_ns) {
  real_sys::WaitWhile(word, value, timeout_ns);
}

void WakeAll(std::atomic<uint32_t>& word) {
  (void)Do(Call::kWakeAll, -1, [&] {
    real_sys::WakeAll(word);
    return 0;
  });
}

int SetThreadName(const std::string& name) {
  return Do(Call::kSetThreadName, -1, [&] { return real_sys::SetThreadName(name); });
}

int BindThreadToCpu(int cpu) {
  return Do(Call::kBindThreadToCpu, -1, [&] { return real_sys::BindThreadToCpu(cpu); });
}

int CpuCount() {
  return Do(Call::kCpuCount, -1, [&] { return real_sys::CpuCount(); });
}

int Resolve(const std::string& host, int family, std::vector<sockaddr_storage>* addresses) {
  const int error = Enter(Call::kResolve, -1);
  return error != 0 ? error : real_sys::Resolve(host, family, addresses);
}

}  // namespace rondo::sys
