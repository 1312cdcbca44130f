// Very many connections from one process, to be told what to do on standard input:
//
//   crowd PORT CONNECTIONS
//     open    connects them all, and each gets its first echo
//     echo    all send a message, and then all receive it
//     send    all send a message
//
// After each it says how many have done so.

#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include "tests/support/client.h"
#include "tests/support/example_server.h"

namespace {

using rondo::testing::Client;

class Crowd {
 public:
  Crowd(const rondo::SocketAddress& server, size_t size) : server_(server), clients_(size) {}

  size_t Open() {
    size_t count = 0;
    for (size_t i = 0; i < clients_.size(); ++i) {
      clients_[i] = Client(server_);
      count += clients_[i].Send(MessageOf(i)) && Receives(i);
    }
    return count;
  }

  size_t Echo() {
    if (const size_t sent = Send(); sent < clients_.size()) return sent;
    size_t count = 0;
    for (size_t i = 0; i < clients_.size(); ++i) count += Receives(i);
    return count;
  }

  size_t Send() {
    size_t count = 0;
    for (size_t i = 0; i < clients_.size(); ++i) count += clients_[i].Send(MessageOf(i));
    return count;
  }

 private:
  static std::string MessageOf(size_t i) { return "this is number " + std::to_string(i); }
  bool Receives(size_t i) { return clients_[i].Receive(MessageOf(i).size()) == MessageOf(i); }

  const rondo::SocketAddress server_;
  std::vector<Client> clients_;
};

}  // namespace

int main(int, char** argv) {
  const auto port = static_cast<uint16_t>(std::atoi(argv[1]));
  Crowd crowd(rondo::testing::LoopbackAddress(port), std::strtoul(argv[2], nullptr, 10));
  for (std::string order; std::getline(std::cin, order);) {
    std::cout << (order == "open"   ? crowd.Open()
                  : order == "echo" ? crowd.Echo()
                                    : crowd.Send())
              << std::endl;
  }
}
