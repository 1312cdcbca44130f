// The smallest server: it greets each client and repeats what it receives.
//
//   examples/run hello          in another terminal: nc 127.0.0.1 7000

#include <iostream>

#include "rondo/rondo.h"

class Hello : public rondo::EventHandler {
  rondo::Action OnOpen(rondo::Connection& connection) override {
    connection.Write("hello " + connection.remote_address().ToString() + "\n");
    return rondo::Action::kNone;
  }
  rondo::Action OnTraffic(rondo::Connection& connection) override {
    connection.Write(connection.Next());
    return rondo::Action::kNone;
  }
};

int main() {
  Hello hello;
  absl::Status status = rondo::Serve(hello, "tcp://127.0.0.1:7000");
  std::cerr << status << "\n";
  return status.ok() ? 0 : 1;
}
