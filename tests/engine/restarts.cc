// Two engines that start and stop together, again and again, as an ordinary user:
//
//   restarts auto|io_uring RESTARTS LOOPS
//
// Root gives up its privileges first; the limit of locked memory is 8 MiB, as it is by default.
// Each start prints a line: "io_uring", "epoll: WHY", or "refused: WHY". Each engine that has
// started serves one connection.

#include <grp.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <string>

#include "rondo/rondo.h"

#include "tests/server/client.h"

namespace {

using rondo::testing::Client;

constexpr rlim_t kLockedBytes = 8 << 20;
constexpr uid_t kNobody = 65534;

bool BecomeOrdinary() {
  const rlimit limit = {kLockedBytes, kLockedBytes};
  if (::setrlimit(RLIMIT_MEMLOCK, &limit) != 0) return false;
  if (::getuid() != 0) return true;
  return ::setgroups(0, nullptr) == 0 && ::setgid(kNobody) == 0 && ::setuid(kNobody) == 0;
}

struct Echo : rondo::EventHandler {
  rondo::Action OnTraffic(rondo::Connection& connection) override {
    (void)connection.Write(connection.Next());
    return rondo::Action::kNone;
  }
};

std::unique_ptr<rondo::Engine> Start(rondo::EventHandler& handler, rondo::Options options) {
  std::string remark;
  options.log = [&remark](rondo::LogSeverity severity, std::string_view text) {
    if (severity != rondo::LogSeverity::kInfo) remark = text;
  };
  auto engine = rondo::Engine::Start(handler, "tcp://127.0.0.1:0", options);
  if (!engine.ok()) {
    std::cout << "refused: " << engine.status().message() << std::endl;
    return nullptr;
  }
  std::cout << (remark.empty() ? "io_uring" : "epoll: " + remark) << std::endl;
  Client client((*engine)->addresses()[0]);
  if (!client.Send("hello") || client.Receive(5) != "hello") std::cout << "deaf" << std::endl;
  return *std::move(engine);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  if (!BecomeOrdinary()) {
    std::cout << "cannot become an ordinary user" << std::endl;
    return 1;
  }
  rondo::Options options{.loops = std::atoi(argv[3])};
  if (argv[1] == std::string("io_uring")) options.poller = rondo::PollerKind::kIoUring;
  Echo handler;
  for (int i = 0; i < std::atoi(argv[2]); ++i) {
    const std::array engines = {Start(handler, options), Start(handler, options)};
    for (const auto& engine : engines) {
      if (engine != nullptr) (void)engine->Stop(absl::InfiniteDuration());
    }
  }
  return 0;
}
