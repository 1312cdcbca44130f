// An engine that serves one handler on a free port of this machine, and stops with this object.

#ifndef RONDO_TESTS_CODECS_SERVER_H_
#define RONDO_TESTS_CODECS_SERVER_H_

#include <gtest/gtest.h>

#include <memory>

#include "absl/status/status.h"
#include "absl/time/time.h"

#include "rondo/rondo.h"

namespace rondo::tests {

class Server {
 public:
  explicit Server(EventHandler& handler, Options options = {}) {
    auto engine = Engine::Start(handler, "tcp4://127.0.0.1:0", options);
    EXPECT_TRUE(engine.ok()) << engine.status();
    engine_ = *std::move(engine);
  }
  const SocketAddress& address() const { return engine_->addresses()[0]; }
  absl::Status Stop() { return engine_->Stop(absl::Seconds(10)); }

 private:
  std::unique_ptr<Engine> engine_;
};

}  // namespace rondo::tests

#endif  // RONDO_TESTS_CODECS_SERVER_H_
