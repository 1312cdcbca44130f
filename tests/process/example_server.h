// ExampleServer is one of the examples, built beside the tests and running in a process of its own
// on a free port of this machine. It ends with the object.
//
//   ExampleServer echo("echo", {"--loops=2"});
//   Client client(echo.address());

#ifndef RONDO_TESTS_PROCESS_EXAMPLE_SERVER_H_
#define RONDO_TESTS_PROCESS_EXAMPLE_SERVER_H_

#include <string>
#include <vector>

#include "rondo/socket_address.h"

#include "tests/process/child_process.h"

namespace rondo::testing {

// tcp://127.0.0.NUMBER:port
SocketAddress LoopbackAddress(uint16_t port, uint8_t number = 1);

// The path of an example.
std::string ExampleProgram(const std::string& name);

class ExampleServer {
 public:
  explicit ExampleServer(const std::string& name, const std::vector<std::string>& flags = {},
                         const ChildProcess::Options& options = {});

  ChildProcess& process() { return process_; }
  const SocketAddress& address() const { return address_; }
  // Of its address, for command lines.
  std::string port() const { return std::to_string(address_.port()); }

 private:
  ChildProcess process_;
  SocketAddress address_;
};

// A way to start the servers that take flags.
struct Flags {
  std::string name;
  std::vector<std::string> flags;
};

// One and two loops, and both ways to accept.
std::vector<Flags> WaysToRun();
// `way`, on the poller of that name.
Flags On(const char* poller, Flags way);
// All of WaysToRun on epoll, and on io_uring.
std::vector<Flags> WaysToRunOnEachPoller();

}  // namespace rondo::testing

#endif  // RONDO_TESTS_PROCESS_EXAMPLE_SERVER_H_
