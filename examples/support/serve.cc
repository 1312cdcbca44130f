#include "support/serve.h"

#include <csignal>
#include <ctime>
#include <iostream>
#include <utility>

namespace examples {
namespace {

using EachSecond = std::function<void(rondo::Engine&)>;

// Blocked on every thread, since threads inherit that: only the main thread takes them, by sigwait.
sigset_t BlockStopSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return signals;
}

void Announce(const rondo::Engine& engine) {
  for (const rondo::SocketAddress& address : engine.addresses()) {
    std::cout << "listening on " << address.ToString() << std::endl;
  }
  const rondo::SocketAddress& first = engine.addresses()[0];
  const bool everywhere = first.host() == "::" || first.host() == "0.0.0.0";
  std::cout << "try it: nc " << (everywhere ? "localhost" : first.host()) << " " << first.port()
            << std::endl;
}

void WaitForSignal(const sigset_t& signals, rondo::Engine& engine, const EachSecond& each_second) {
  int signal = 0;
  if (!each_second) {
    sigwait(&signals, &signal);
    return;
  }
  const timespec second = {.tv_sec = 1, .tv_nsec = 0};
  while (sigtimedwait(&signals, nullptr, &second) < 0) each_second(engine);
}

}  // namespace

int Serve(const rondo::Handlers& handlers, const rondo::Addresses& addresses,
          rondo::Options options, const EachSecond& each_second) {
  const sigset_t signals = BlockStopSignals();
  options.log = [](rondo::LogSeverity, std::string_view text) { std::cerr << text << std::endl; };
  const auto engine = rondo::Engine::Start(handlers, addresses, options);
  if (!engine.ok()) {
    std::cerr << engine.status().message() << std::endl;
    return 1;
  }
  Announce(**engine);
  WaitForSignal(signals, **engine, each_second);
  const absl::Status stopped = (*engine)->Stop(absl::Seconds(5));
  if (!stopped.ok()) std::cerr << stopped.message() << std::endl;
  return 0;
}

}  // namespace examples
