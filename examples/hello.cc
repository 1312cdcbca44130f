// The smallest server: it greets each client and repeats what it receives.
//
//   examples/run hello          in another terminal: nc 127.0.0.1 7000

#include <iostream>

#include "rondo/rondo.h"

class Hello : public rondo::EventHandler {
  rondo::Action OnOpen(rondo::Connection& connection) override {
    const std::string peer = connection.remote_address().ToString();
    return rondo::CloseIfRefused(connection.Write("hello " + peer + "\n"));
  }
  rondo::Action OnTraffic(rondo::Connection& connection) override {
    return rondo::CloseIfRefused(connection.Write(connection.Next()));
  }
};

int main() {
  Hello hello;
  absl::Status status = rondo::Serve(hello, "tcp://127.0.0.1:7000");
  std::cerr << status << "\n";
  return status.ok() ? 0 : 1;
}
