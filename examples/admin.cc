// Two services in one engine: an echo server, and beside it an admin port that only this machine
// reaches, with a handler and limits of its own. It answers a line with a line:
//
//   status     open connections, on each loop
//   stop       stops the server in order
//
//   examples/run admin                 in another terminal: echo status | nc 127.0.0.1 7001

#include <signal.h>
#include <unistd.h>

#include <string>
#include <string_view>

#include "absl/flags/flag.h"

#include "rondo/rondo.h"

#include "support/serve.h"
#include "support/server_flags.h"

ABSL_FLAG(std::string, admin, "tcp://127.0.0.1:7001", "where the admin port listens");

namespace {

class Echo : public rondo::EventHandler {
  rondo::Action OnTraffic(rondo::Connection& connection) override {
    return rondo::CloseIfRefused(connection.Write(connection.Next()));
  }
};

class Admin : public rondo::FramedHandler<rondo::LineCodec> {
 public:
  Admin() : FramedHandler(rondo::LineCodec(rondo::MaxFrameBytes(100))) {}

  rondo::Action OnFrame(rondo::Connection& connection, std::string_view line) override {
    rondo::Engine& engine = connection.loop().engine();
    if (line == "status") {
      (void)WriteFrame(connection, StatusOf(engine));
    } else if (line == "stop") {
      (void)WriteFrame(connection, "stopping");
      // As an operator's kill would: main takes it and stops the engine in order.
      (void)::kill(::getpid(), SIGTERM);
    } else {
      (void)WriteFrame(connection, "expected: status, or stop");
    }
    return rondo::Action::kNone;
  }

 private:
  static std::string StatusOf(const rondo::Engine& engine) {
    std::string text = std::to_string(engine.connection_count()) + " connections, on each loop:";
    for (size_t i = 0; i < engine.loop_count(); ++i) {
      text += " " + std::to_string(engine.loop(i).connection_count());
    }
    return text;
  }
};

}  // namespace

int main(int argc, char** argv) {
  examples::ParseFlags(argc, argv, "An echo server with an admin port beside it.");
  Echo echo;
  Admin admin;
  const rondo::Listen admin_port = {
      .address = absl::GetFlag(FLAGS_admin),
      .handler = &admin,
      // Room for a few short lines; an operator who is silent for a minute is disconnected.
      .connection = rondo::ConnectionOptions{.inbound_limit_bytes = 4096,
                                             .idle_timeout = absl::Minutes(1)},
  };
  return examples::Serve(echo, {absl::GetFlag(FLAGS_address), admin_port},
                         examples::OptionsFromFlags());
}
