#include "tests/tidy/tables.h"

#include <iterator>
#include <sstream>

namespace rondo::tidy {
namespace {

Names Split(const std::string& words) {
  std::istringstream stream(words);
  return {std::istream_iterator<std::string>(stream), {}};
}

}  // namespace

// --- What was granted.

const Ratchet kLongFiles = {};
const Ratchet kLongFunctions = {};
const Ratchet kLargeFolders = {};
const Ratchet kUnclearPhrasesGranted = {};

// Path and directive of what is compiled only sometimes, besides include guards.
const Grants kConditionals = {
    // What users compile with, and on what: a sentence for those who cannot have Rondo there.
    {"include/rondo/platform.h", "#if __cplusplus <= 201703L"},
    {"include/rondo/platform.h", "#elif defined(_WIN32)"},
    {"include/rondo/platform.h", "#elif __SIZEOF_POINTER__ < 8"},
    {"include/rondo/platform.h", "#ifdef __cpp_exceptions"},
    {"src/base/check.h", "#ifdef NDEBUG"},
};

// Path and word: where the library does end the process.
const Grants kBannedWordsGranted = {
    {"src/base/check.cc", "std::abort"},
    {"src/base/check.cc", "std::fprintf"},
    // For Serve alone.
    {"src/sys/sys.cc", "::sigaction"},
};

// Path and word: where one is no kernel call of Rondo's.
const Grants kKernelCallsGranted = {
    // Stacks of the simulation's fibers, which are not the simulated program's memory.
    {"src/simulation/fibers/stack.cc", "::mmap"},
};

const Grants kCastsGranted = {
    // From the public face, which is only ever the base of one.
    {"src/stream/connection/connection.cc", "StreamConnection"},
    // From its timer.
    {"src/stream/accept/acceptor.cc", "Acceptor"},
};

// --- What is held.

const std::map<std::string, Names> kMayInclude = {
    {"include", {}},
    {"loadbalance", {"include", "base"}},
    {"codecs", {"include", "base"}},
    {"base", {"include"}},
    {"sys", {"include", "base"}},
    {"buffer", {"include", "base"}},
    {"net", {"include", "base", "sys"}},
    {"poll", {"include", "base", "sys", "buffer", "net"}},
    {"reactor", {"include", "base", "sys", "buffer", "net", "poll"}},
    {"stream", {"include", "base", "buffer", "net", "poll", "reactor"}},
    {"loop", {"include", "base", "sys", "buffer", "net", "poll", "reactor", "stream"}},
    {"config", {"include", "base", "sys", "net", "poll", "reactor"}},
    {"engine",
     {"include", "base", "sys", "buffer", "net", "poll", "reactor", "stream", "loop", "config"}},
    // It stands in for sys, and so may use nothing that stands on it.
    {"simulation", {"include", "base", "sys"}},
    // micro/ times parts of the library alone.
    {"benchmarks", {"include", "base", "buffer", "poll", "reactor", "loop"}},
    {"examples", {"include"}},
};

// Kernel headers that give types and constants to layers above sys.
const std::map<std::string, Names> kSystemHeaders = {
    {"include", {"sys/socket.h", "sys/un.h", "netinet/in.h"}},
    {"buffer", {"sys/uio.h"}},
    {"net",
     {"sys/socket.h", "sys/un.h", "netinet/in.h", "netinet/tcp.h", "arpa/inet.h", "netdb.h"}},
    {"stream", {"sys/socket.h", "netinet/in.h"}},
    {"poll",
     {"sys/socket.h", "sys/types.h", "sys/uio.h", "sys/epoll.h", "sys/event.h", "liburing.h",
      "linux/io_uring.h"}},
    {"simulation",
     {"sys/epoll.h", "sys/event.h", "sys/mman.h", "sys/socket.h", "sys/types.h", "sys/uio.h",
      "netinet/in.h", "netinet/tcp.h", "arpa/inet.h", "netdb.h", "ucontext.h", "cxxabi.h",
      "sanitizer/asan_interface.h", "sanitizer/common_interface_defs.h",
      "sanitizer/lsan_interface.h"}},
};

const std::map<std::string, Names> kSystems = {
    {"Linux", {"src/sys/sys.cc", "src/sys/sys_linux.cc"}},
    {"FreeBSD", {"src/sys/sys.cc", "src/sys/sys_bsd.cc", "src/sys/sys_freebsd.cc"}},
    {"macOS", {"src/sys/sys.cc", "src/sys/sys_bsd.cc", "src/sys/sys_macos.cc"}},
};

const Names kKernelCalls = Split(
    "accept accept4 bind clock_gettime clone close connect dup dup2 dup3 epoll_create1 "
    "epoll_create epoll_ctl epoll_wait epoll_pwait epoll_pwait2 eventfd fcntl fork fstat "
    "fsync getaddrinfo getpeername getpid getsockname getsockopt gettimeofday ioctl kill "
    "kqueue kevent listen lseek madvise mmap munmap open openat pipe pipe2 poll ppoll pread "
    "pwrite read readv recv recvfrom recvmmsg recvmsg sched_getaffinity sched_setaffinity "
    "select send sendfile sendmmsg sendmsg sendto setsockopt shutdown signalfd socket "
    "socketpair splice stat syscall timerfd_create timerfd_settime unlink unshare write "
    "writev io_uring_enter io_uring_setup io_uring_register pthread_setname_np");

const Names kBannedWords = Split(
    "cout cerr clog printf fprintf vprintf vfprintf puts fputs putchar exit _exit _Exit abort "
    "getenv secure_getenv setenv putenv raise signal sigaction quick_exit atexit terminate");

const Names kForeign = Split("absl benchmark gmock gtest");

const Names kSleeps =
    Split("sleep_for sleep_until usleep nanosleep sleep SleepFor clock_nanosleep");

// absl::Mutex is for critical sections in which no thread waits for another, as with Condition.
const Names kThreads = Split(
    "std::thread std::jthread std::this_thread std::async std::future std::promise std::mutex "
    "std::shared_mutex std::condition_variable std::condition_variable_any std::latch "
    "std::barrier std::counting_semaphore std::binary_semaphore std::random_device "
    "std::chrono::system_clock std::chrono::steady_clock absl::Now absl::GetCurrentTimeNanos "
    "absl::SleepFor absl::CondVar absl::Condition absl::Notification absl::BlockingCounter "
    "absl::Barrier absl::BitGen absl::InsecureBitGen pthread_create pthread_join usleep nanosleep");

const Names kUnclearPhrases = {"is to be", "are to be", "to be had", "whoever", "nobody"};

const Names kEndpointTypes = Split("StreamConnection Acceptor");

const std::vector<FieldUse> kFieldUses = {
    {"src/reactor/loop_services.h", "LoopServices", {"services", "services_"}, 3},
};

const Names kTopLevel = Split(
    "src include codecs loadbalance tests benchmarks examples meson.build README.md "
    "meson_options.txt LICENSE .clang-format .gitignore .ci");

}  // namespace rondo::tidy
