// Three timeouts of a server that keeps its connections: it repeats lines, and
//
//   --request_timeout=10s   a client that has not sent its first line by then gets a 408, and is
//                           closed: a read deadline
//   --ping=30s              one that has been silent for so long is pinged, and closed when it is
//                           silent once more, however much it is sent: a read idle timeout
//   --heartbeat=20s         one that has been sent nothing for so long gets a heartbeat: a write
//                           idle timeout
//
//   examples/run keepalive --ping=5s     in another terminal: nc 127.0.0.1 7000

#include <memory>
#include <string_view>

#include "absl/flags/flag.h"
#include "absl/time/time.h"

#include "rondo/codecs.h"
#include "rondo/framed_handler.h"
#include "rondo/rondo.h"

#include "support/serve.h"
#include "support/server_flags.h"

ABSL_FLAG(absl::Duration, request_timeout, absl::Seconds(10), "for the first line of a client");
ABSL_FLAG(absl::Duration, ping, absl::Seconds(30), "after so long a silence of the client");
ABSL_FLAG(absl::Duration, heartbeat, absl::Seconds(20), "after so long a silence of the server");

namespace {

using rondo::Action;
using rondo::Connection;
using rondo::Timeout;

struct Client : rondo::FramedHandler<rondo::LineCodec>::Context {
  bool is_pinged = false;
};

class KeepAlive : public rondo::FramedHandler<rondo::LineCodec> {
 public:
  KeepAlive() : FramedHandler(rondo::LineCodec(rondo::MaxFrameBytes(4096))) {}

  Action OnOpen(Connection& connection) override {
    connection.set_context(std::make_unique<Client>());
    connection.SetReadDeadline(absl::GetFlag(FLAGS_request_timeout));
    return Action::kNone;
  }

  Action OnFrame(Connection& connection, std::string_view line) override {
    connection.context<Client>()->is_pinged = false;
    connection.SetReadDeadline(absl::InfiniteDuration());
    if (line != "pong") (void)WriteFrame(connection, line);
    return Action::kNone;
  }

  Action OnTimeout(Connection& connection, Timeout timeout) override {
    switch (timeout) {
      case Timeout::kReadDeadline:
        (void)WriteFrame(connection, "408 Request Timeout");
        return Action::kClose;
      case Timeout::kReadIdle: {
        Client& client = *connection.context<Client>();
        if (client.is_pinged) return Action::kClose;
        client.is_pinged = true;
        (void)WriteFrame(connection, "ping");
        return Action::kNone;
      }
      case Timeout::kWriteIdle:
        (void)WriteFrame(connection, "heartbeat");
        return Action::kNone;
      case Timeout::kIdle:
      case Timeout::kWriteDeadline:
        break;
    }
    return Action::kClose;
  }
};

}  // namespace

int main(int argc, char** argv) {
  examples::ParseFlags(argc, argv, "Repeats lines, and looks after silent clients.");
  rondo::Options options = examples::OptionsFromFlags();
  options.connection.read_idle_timeout = absl::GetFlag(FLAGS_ping);
  options.connection.write_idle_timeout = absl::GetFlag(FLAGS_heartbeat);
  KeepAlive keep_alive;
  return examples::Serve(keep_alive, absl::GetFlag(FLAGS_address), options);
}
