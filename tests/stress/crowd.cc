// Very many connections from one process, which takes its orders from standard input:
//
//   crowd PORT CONNECTIONS
//
// The server must listen on all of 127.0.0.0/8: finding a free port of this side among very many
// that lead to one address would take the kernel longer than all the rest. The orders are
//
//     open    connects them all, and each gets its first echo
//     echo    all send a message, and then all receive it
//     send    all send a message
//     receive all receive a message
//     reset   all are reset
//
// After each it says how many have done so.

#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include "tests/process/example_server.h"
#include "tests/server/client.h"

namespace {

using rondo::testing::Client;

class Crowd {
 public:
  Crowd(uint16_t port, size_t size) : port_(port), clients_(size) {}

  size_t Open() {
    size_t count = 0;
    for (size_t i = 0; i < clients_.size(); ++i) {
      clients_[i] = Client(rondo::testing::LoopbackAddress(port_, 1 + i % kAddresses));
      count += clients_[i].Send(MessageOf(i)) && Receives(i);
    }
    return count;
  }

  size_t Echo() {
    if (const size_t sent = Send(); sent < clients_.size()) return sent;
    return Receive();
  }

  size_t Receive() {
    size_t count = 0;
    for (size_t i = 0; i < clients_.size(); ++i) count += Receives(i);
    return count;
  }

  size_t Reset() {
    for (Client& client : clients_) client.Reset();
    return clients_.size();
  }

  size_t Send() {
    size_t count = 0;
    for (size_t i = 0; i < clients_.size(); ++i) count += clients_[i].Send(MessageOf(i));
    return count;
  }

 private:
  static std::string MessageOf(size_t i) { return "this is number " + std::to_string(i); }
  bool Receives(size_t i) { return clients_[i].Receive(MessageOf(i).size()) == MessageOf(i); }

  static constexpr size_t kAddresses = 100;

  const uint16_t port_;
  std::vector<Client> clients_;
};

}  // namespace

int main(int, char** argv) {
  const auto port = static_cast<uint16_t>(std::atoi(argv[1]));
  Crowd crowd(port, std::strtoul(argv[2], nullptr, 10));
  for (std::string order; std::getline(std::cin, order);) {
    std::cout << (order == "open"      ? crowd.Open()
                  : order == "echo"    ? crowd.Echo()
                  : order == "receive" ? crowd.Receive()
                  : order == "reset"   ? crowd.Reset()
                                       : crowd.Send())
              << std::endl;
  }
}
