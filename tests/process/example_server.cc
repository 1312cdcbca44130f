#include "tests/process/example_server.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstdlib>
#include <stdexcept>

#include "tests/process/requirements.h"

namespace rondo::testing {
namespace {

std::vector<std::string> CommandLine(const std::string& name,
                                     const std::vector<std::string>& flags) {
  std::vector<std::string> line = {ExampleProgram(name), "--address=tcp://127.0.0.1:0"};
  line.insert(line.end(), flags.begin(), flags.end());
  return line;
}

bool AreOnIoUring(const std::vector<std::string>& flags) {
  return std::find(flags.begin(), flags.end(), "--poller=io_uring") != flags.end();
}

}  // namespace

SocketAddress LoopbackAddress(uint16_t port, uint8_t number) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl((INADDR_LOOPBACK & ~0xFFu) | number);
  return SocketAddress(reinterpret_cast<const sockaddr*>(&address), sizeof address);
}

std::string ExampleProgram(const std::string& name) {
  return RONDO_BUILD_ROOT "/examples/" + name;
}

ExampleServer::ExampleServer(const std::string& name, const std::vector<std::string>& flags,
                             const ChildProcess::Options& options) {
  const absl::Status status = WhenThereIsMemory([&] { return Start(name, flags, options); });
  if (!status.ok()) throw std::runtime_error(std::string(status.message()));
}

absl::Status ExampleServer::Start(const std::string& name, const std::vector<std::string>& flags,
                                  const ChildProcess::Options& options) {
  process_ = std::make_unique<ChildProcess>(CommandLine(name, flags), options);
  // Behind what it logs while it starts, where errors are read as well.
  std::string line;
  do {
    line = process_->ReadLine();
  } while (!line.empty() && !line.starts_with("listening on "));
  if (line.empty()) {
    const std::string what = "the example " + name + " does not listen";
    return AreOnIoUring(flags) ? absl::ResourceExhaustedError(what) : absl::InternalError(what);
  }
  const size_t port = line.rfind(':') + 1;
  address_ = LoopbackAddress(static_cast<uint16_t>(std::atoi(line.c_str() + port)));
  return absl::OkStatus();
}

std::string Lacks(const Flags& way) {
  return AreOnIoUring(way.flags) ? lacking::IoUring() : "";
}

WayToRunTest::WayToRunTest() { SkipWhatLacks(Lacks(GetParam())); }

std::vector<Flags> WaysToRun() {
  return {
      {"OneLoopAcceptor", {"--loops=1", "--accept_mode=acceptor"}},
      {"OneLoopReusePort", {"--loops=1", "--accept_mode=reuseport"}},
      {"TwoLoopsAcceptor", {"--loops=2", "--accept_mode=acceptor"}},
      {"TwoLoopsReusePort", {"--loops=2", "--accept_mode=reuseport"}},
  };
}

Flags On(const char* poller, Flags way) {
  way.name += std::string("_") + poller;
  way.flags.push_back(std::string("--poller=") + poller);
  return way;
}

std::vector<Flags> WaysToRunOnEachPoller() {
  std::vector<Flags> all;
  for (const char* poller : {"epoll", "io_uring"}) {
    for (const Flags& way : WaysToRun()) all.push_back(On(poller, way));
  }
  return all;
}

}  // namespace rondo::testing
