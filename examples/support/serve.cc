#include "support/serve.h"

#include <iostream>
#include <utility>

namespace examples {
namespace {

void Announce(const rondo::Engine& engine) {
  for (const rondo::SocketAddress& address : engine.addresses()) {
    std::cout << "listening on " << address.ToString() << std::endl;
  }
  const rondo::SocketAddress& first = engine.addresses()[0];
  const bool everywhere = first.host() == "::" || first.host() == "0.0.0.0";
  std::cout << "try it: nc " << (everywhere ? "localhost" : first.host()) << " " << first.port()
            << std::endl;
}

// On the first loop, for as long as that runs.
void Repeat(rondo::Engine& engine, const EachSecond& each_second) {
  engine.loop(0).Schedule(absl::Seconds(1), [&engine, each_second] {
    each_second(engine);
    Repeat(engine, each_second);
  });
}

}  // namespace

int Serve(const rondo::Handlers& handlers, const rondo::Addresses& addresses,
          rondo::Options options, const EachSecond& each_second) {
  options.shutdown_grace = absl::Seconds(5);
  options.log = [](rondo::LogSeverity, std::string_view text) { std::cerr << text << std::endl; };
  bool serves = false;
  const absl::Status status =
      rondo::Serve(handlers, addresses, options, [&](rondo::Engine& engine) {
        serves = true;
        Announce(engine);
        if (each_second) Repeat(engine, each_second);
      });
  if (!status.ok()) std::cerr << status.message() << std::endl;
  return serves ? 0 : 1;
}

}  // namespace examples
