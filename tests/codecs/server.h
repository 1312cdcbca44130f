// An engine that serves one handler on a free port of this machine, and stops with this object.

#ifndef RONDO_TESTS_CODECS_SERVER_H_
#define RONDO_TESTS_CODECS_SERVER_H_

#include <memory>

#include "absl/status/status.h"
#include "absl/time/time.h"

#include "rondo/rondo.h"

#include "tests/server/start_engine.h"

namespace rondo::tests {

class Server {
 public:
  explicit Server(EventHandler& handler, const Options& options = {})
      : engine_(rondo::testing::StartEngine(handler, "tcp4://127.0.0.1:0", options)) {}
  const SocketAddress& address() const { return engine_->addresses()[0]; }
  absl::Status Stop() { return engine_->Stop(absl::Seconds(10)); }

 private:
  const std::unique_ptr<Engine> engine_;
};

}  // namespace rondo::tests

#endif  // RONDO_TESTS_CODECS_SERVER_H_
