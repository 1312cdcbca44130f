// FaultySys makes kernel calls fail, fall short, or stop for a moment: a suite with 'kernel':
// 'faulty' links it instead of src/sys (tests/meson.build). While no FaultySys exists, and wherever
// it does not change them, the calls do what they always do.
//
//   FaultySys kernel;
//   kernel.Fail(Call::kAccept, EMFILE, 3);       // the next three; those after them work
//   kernel.Shorten(Call::kSend, 1);              // one byte at a time
//   kernel.Before(Call::kClose, [&](int fd) { closed.Notify(); });
//
// At most one exists at a time. Its functions may be called on any thread, while others are in the
// kernel; a call in progress is not changed.

#ifndef RONDO_TESTS_KERNEL_FAULTY_SYS_H_
#define RONDO_TESTS_KERNEL_FAULTY_SYS_H_

#include <cstddef>
#include <cstdint>
#include <functional>

namespace rondo::testing {

// The functions of src/sys/sys.h, and some of src/sys/ring.h.
enum class Call {
  kSocket,
  kBind,
  kListen,
  kAccept,
  kShutdown,
  kResetConnection,
  kGetSocketName,
  kGetOption,
  kSetOption,
  kReceive,
  kSend,
  kSendMessage,
  kSendFile,
  kUnacknowledgedBytes,
  kUnreadBytes,
  kClose,
  kDuplicate,
  kOpenToRead,
  kOpenReserve,
  kUnshareDescriptors,
  kEpollCreate,
  kEpollControl,
  kEpollWait,
  kEpollWaitNanoseconds,
  kEventFd,
  kSignalEventFd,
  kNow,
  kSleep,
  kStartThread,
  kSetThreadName,
  kBindThreadToCpu,
  kWakeAll,
  kCpuCount,
  kResolve,
  // Of src/sys/ring.h.
  kRingCreate,
  kRingRegisterBuffers,
  kRingSubmit,
  kRingSubmitAndWait,
  kMapMemory,
  kCount,
};

class FaultySys {
 public:
  static constexpr int kAlways = -1;

  FaultySys();
  // Ends all faults.
  ~FaultySys();
  FaultySys(const FaultySys&) = delete;
  FaultySys& operator=(const FaultySys&) = delete;

  // The next `times` calls return -`error` and do nothing; kClose does its work all the same. For
  // kResolve `error` is an EAI_* code; kMapMemory returns null. Replaces an earlier Fail; 0 times:
  // ends it.
  void Fail(Call call, int error, int times = kAlways);
  // kReceive, kSend, kSendMessage and kSendFile move at most `bytes` in one call; kRingCreate makes
  // rings of at most so many entries, for submissions and for completions.
  void Shorten(Call call, size_t bytes);
  // Runs `hook` before each call with its descriptor (-1: it has none), on the thread that calls
  // and without a lock held: it may block, to delay the call. Null: ends it.
  void Before(Call call, std::function<void(int fd)> hook);
  // Lets time pass: moves sys::Now() and sys::WallClock() ahead, for this and all later calls,
  // until the end of this object.
  void AdvanceClock(int64_t nanoseconds);
  // Until then time passes by AdvanceClock alone.
  void StopClock();
  // Sets the wall clock: moves sys::WallClock() alone, ahead or back.
  void StepWallClock(int64_t nanoseconds);
  // How often `call` was made since this object exists, failures included.
  int64_t count(Call call) const;
};

}  // namespace rondo::testing

#endif  // RONDO_TESTS_KERNEL_FAULTY_SYS_H_
