// ServerTest is what most tests of a running server begin with: an engine on a free port, a
// Recorder as its handler, and, at the end of each test, the checks that are always made: were the
// rules of order kept, and is every thread and descriptor gone. GoogleTest owns it.
//
// ConformanceTest is the same for every way a server can be set up; a suite instantiates it with
// Setups(). On a machine that lacks one of them its tests are skipped.

#ifndef RONDO_TESTS_SERVER_SERVER_TEST_H_
#define RONDO_TESTS_SERVER_SERVER_TEST_H_

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"

#include "rondo/engine.h"
#include "rondo/options.h"

#include "gtest/gtest.h"
#include "tests/process/process_state.h"
#include "tests/server/client.h"
#include "tests/server/recorder.h"
#include "tests/server/swap_case.h"

namespace rondo::testing {

class ServerTest : public ::testing::Test {
 protected:
  ServerTest();
  ~ServerTest() override;

  // Stops the engine, unless Stop did, at the end of the scope: hooks may refer to variables that
  // were declared before it.
  class [[nodiscard]] RunningServer {
   public:
    explicit RunningServer(ServerTest& test) : test_(test) {}
    RunningServer(const RunningServer&) = delete;
    RunningServer& operator=(const RunningServer&) = delete;
    ~RunningServer() {
      if (test_.engine != nullptr) (void)test_.Stop();
    }

   private:
    ServerTest& test_;
  };

  // Starts the engine with `options`, which a test changes before: const auto server = Start();
  // A start that fails ends the test, which has failed then: it throws, and GoogleTest catches.
  [[nodiscard]] RunningServer Start(const std::string& address = "tcp://127.0.0.1:0");
  // Stops the engine and checks that every connection was closed. RunningServer does so, too.
  absl::Status Stop(absl::Duration grace = absl::Seconds(10));
  const SocketAddress& address() const { return engine->addresses()[0]; }
  Client Connect(const Client::Options& client_options = {}) const {
    return ConnectTo(address(), client_options);
  }
  // The same for an address that the engine may have left.
  Client ConnectTo(const SocketAddress& server, Client::Options client_options = {}) const {
    client_options.swaps_case = transform != nullptr;
    return Client(server, client_options);
  }
  // Whether a new connection gets its echo, from handlers that echo.
  bool Echoes() const;
  void TearDown() override;

  Options options;
  // Of the bytes of every connection; null: none.
  const buffer::TransformFactory* transform = nullptr;
  Recorder handler;
  std::unique_ptr<Engine> engine;

 private:
  const size_t threads_before_;
  const size_t descriptors_before_;
};

// A way to set up a server.
struct Setup {
  PollerKind poller = PollerKind::kAuto;
  AcceptMode accept_mode = AcceptMode::kAcceptor;
  int loops = 1;
  bool private_descriptor_tables = false;
  // Whether the bytes of its connections go through SwapCase.
  bool swaps_case = false;
};

// All of them.
std::vector<Setup> Setups();
// Each poller in one of them, and with SwapCase in another: for what takes its time, and does not
// depend on who accepts.
std::vector<Setup> FewSetups();
// What this machine lacks for `setup`: see requirements.h.
std::string Lacks(const Setup& setup);
// "Epoll_ReusePort_2_Private", for the names of tests.
std::string NameOf(const ::testing::TestParamInfo<Setup>& setup);

class ConformanceTest : public ServerTest, public ::testing::WithParamInterface<Setup> {
 protected:
  ConformanceTest();

 private:
  const SwapCaseFactory swap_case_;
};

}  // namespace rondo::testing

#endif  // RONDO_TESTS_SERVER_SERVER_TEST_H_
