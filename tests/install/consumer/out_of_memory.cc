// A user's program that is compiled without exceptions, and whose callback calls a function of
// Rondo's for which there is no memory: that ends the callback's connection, and no other one.

#include <rondo/rondo.h>
#include <sys/socket.h>
#include <unistd.h>

#include <iostream>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/time/clock.h"

extern thread_local bool allocations_fail;

namespace {

struct Failing : rondo::EventHandler {
  rondo::Action OnTraffic(rondo::Connection& connection) override {
    const std::string_view request = connection.Next();
    if (request == "deadline") {
      allocations_fail = true;
      connection.SetReadDeadline(absl::InfinitePast() + absl::Hours(1));
    } else if (request == "post") {
      allocations_fail = true;
      const struct { char bytes[100]; } large = {};
      const auto task = [large](rondo::Connection&) { (void)large; };
      if (!connection.handle().Post(task)) connection.Close();
    } else {
      (void)connection.Write(request);
    }
    return rondo::Action::kNone;
  }
  rondo::Action OnClose(rondo::Connection&, const absl::Status& reason) override {
    allocations_fail = false;
    // Before the client sees the end.
    if (!reason.ok()) std::cout << absl::StatusCodeToString(reason.code()) << std::endl;
    return rondo::Action::kNone;
  }
};

// What the server answers; empty when it ends the connection.
std::string Ask(const rondo::SocketAddress& server, std::string_view request) {
  const int client = ::socket(server.family(), SOCK_STREAM, 0);
  if (::connect(client, reinterpret_cast<const sockaddr*>(server.data()), server.size()) != 0) {
    return "no connection";
  }
  (void)!::write(client, request.data(), request.size());
  char answer[100];
  const ssize_t length = ::read(client, answer, sizeof answer);
  (void)::close(client);
  return std::string(answer, length > 0 ? static_cast<size_t>(length) : 0);
}

}  // namespace

int main() {
  Failing failing;
  const rondo::Options options = {.loops = 1, .log = [](rondo::LogSeverity, std::string_view) {}};
  auto engine = rondo::Engine::Start(failing, "tcp4://127.0.0.1:0", options);
  if (!engine.ok()) return 1;
  const rondo::SocketAddress address = (*engine)->addresses()[0];
  for (const std::string_view request : {"deadline", "post", "echo"}) {
    const std::string answer = Ask(address, request);
    std::cout << request << ": " << answer << std::endl;
  }
  return (*engine)->Stop(absl::Seconds(5)).ok() ? 0 : 1;
}
