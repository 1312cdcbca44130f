// ExampleServer is one of the examples, built beside the tests and running in a process of its own
// on a free port of this machine. It ends with the object. One that does not start ends the test,
// which has failed then: the constructor throws, and GoogleTest catches. On io_uring it is started
// again for a while first: see WhenThereIsMemory.
//
//   ExampleServer echo("echo", {"--loops=2"});
//   Client client(echo.address());

#ifndef RONDO_TESTS_PROCESS_EXAMPLE_SERVER_H_
#define RONDO_TESTS_PROCESS_EXAMPLE_SERVER_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"

#include "rondo/socket_address.h"

#include "gtest/gtest.h"
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

  ChildProcess& process() { return *process_; }
  const SocketAddress& address() const { return address_; }
  // Of its address, for command lines.
  std::string port() const { return std::to_string(address_.port()); }

 private:
  absl::Status Start(const std::string& name, const std::vector<std::string>& flags,
                     const ChildProcess::Options& options);

  std::unique_ptr<ChildProcess> process_;
  SocketAddress address_;
};

// A way to start the servers that take flags.
struct Flags {
  std::string name;
  std::vector<std::string> flags;
};

// What this machine lacks for a server to run in this way: see requirements.h.
std::string Lacks(const Flags& way);

// A test of one way to run, which is skipped where this machine lacks it. What needs the server is
// made in SetUp, which does not run then.
class WayToRunTest : public ::testing::TestWithParam<Flags> {
 protected:
  WayToRunTest();
};

// One and two loops, and both ways to accept.
std::vector<Flags> WaysToRun();
// `way`, on the poller of that name.
Flags On(const char* poller, Flags way);
// All of WaysToRun on epoll, and on io_uring.
std::vector<Flags> WaysToRunOnEachPoller();

}  // namespace rondo::testing

#endif  // RONDO_TESTS_PROCESS_EXAMPLE_SERVER_H_
