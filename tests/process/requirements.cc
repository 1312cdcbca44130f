#include "tests/process/requirements.h"

#include <linux/close_range.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

#include "rondo/unique_fd.h"

#include "poll/new_poller.h"
#include "poll/waker.h"
#include "tests/process/process_state.h"

namespace rondo::testing {
namespace {

// Two loops and their acceptor.
constexpr size_t kRings = 3;

std::string Because(const char* what, const char* call, int error) {
  return absl::StrCat(what, ": ", call, ": ", std::strerror(error));
}

absl::Status MakeRings() {
  std::vector<std::unique_ptr<poll::Poller>> rings;
  while (rings.size() < kRings) {
    auto waker = poll::Waker::New();
    if (!waker.ok()) return waker.status();
    auto ring = poll::NewIoUringPoller(64 << 10, *std::move(waker));
    if (!ring.ok()) return ring.status();
    rings.push_back(*std::move(ring));
  }
  return absl::OkStatus();
}

std::string TryIoUring() {
  absl::Status status;
  // The kernel gives back late what a program has locked that has just ended.
  const absl::Time limit = absl::Now() + absl::Seconds(3);
  (void)Eventually([&] {
    status = MakeRings();
    return !absl::IsResourceExhausted(status) || absl::Now() > limit;
  });
  if (status.ok()) return "";
  // The first part says what was refused, and the rest how to have it.
  const std::string text(status.message());
  return absl::StrCat("no io_uring: ", text.substr(0, text.find(';')));
}

std::string TryPrivateTables() {
  int error = 0;
  std::thread([&error] {
    if (::close_range(~0u, ~0u, CLOSE_RANGE_UNSHARE) < 0) error = errno;
  }).join();
  return error == 0 ? "" : Because("no descriptor table for each loop", "close_range", error);
}

std::string TryIpv6() {
  constexpr char kWhat[] = "no IPv6";
  const UniqueFd socket(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket) return Because(kWhat, "socket", errno);
  sockaddr_in6 address = {};
  address.sin6_family = AF_INET6;
  address.sin6_addr = in6addr_loopback;
  const auto* const name = reinterpret_cast<const sockaddr*>(&address);
  const bool bound = ::bind(socket.get(), name, sizeof address) == 0;
  return bound ? "" : Because(kWhat, "bind [::1]", errno);
}

}  // namespace

void SkipWhatLacks(const std::string& lacks) {
  if (!lacks.empty()) GTEST_SKIP() << lacks;
}

absl::Status WhenThereIsMemory(const std::function<absl::Status()>& make) {
  absl::Status status;
  (void)Eventually([&] {
    status = make();
    return !absl::IsResourceExhausted(status);
  });
  return status;
}

namespace lacking {

std::string IoUring() {
  static const std::string lacks = TryIoUring();
  return lacks;
}

std::string Poller(PollerKind kind) { return kind == PollerKind::kIoUring ? IoUring() : ""; }

std::string PrivateTables() {
  static const std::string lacks = TryPrivateTables();
  return lacks;
}

std::string Ipv6() {
  static const std::string lacks = TryIpv6();
  return lacks;
}

std::string Descriptors(size_t count) {
  // What a process has open besides.
  constexpr size_t kOthers = 20;
  rlimit limit = {};
  (void)::getrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur >= count + kOthers) return "";
  limit.rlim_cur = limit.rlim_max;
  (void)::setrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur >= count + kOthers) return "";
  return absl::StrCat("too few descriptors: it takes ", count, ", and RLIMIT_NOFILE is ",
                      limit.rlim_max);
}

}  // namespace lacking
}  // namespace rondo::testing
