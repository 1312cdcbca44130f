// A small Redis: strings, counters and lists in memory, for redis-cli and redis-benchmark. It shows
// a codec of one's own (redis/codec.h), commands apart from connections (redis/commands.h), and
// data that all loops share (redis/store.h).
//
//   examples/run redis          in another terminal: redis-cli -p 7000
//                               or: redis-benchmark -p 7000 -t ping,set,get,incr,lpush,lpop,mset
//
// Nothing is written to disk and nothing expires.

#include <memory>
#include <string>
#include <string_view>

#include "absl/flags/flag.h"
#include "absl/synchronization/mutex.h"

#include "rondo/framed_handler.h"
#include "rondo/rondo.h"

#include "redis/codec.h"
#include "redis/commands.h"
#include "redis/reply.h"
#include "redis/store.h"
#include "support/serve.h"
#include "support/server_flags.h"

namespace {

using examples::CommandName;
using examples::RespCodec;
using rondo::Action;
using rondo::Connection;

constexpr size_t kLongestCommand = 8 << 20;

// One for each loop.
class Redis : public rondo::FramedHandler<RespCodec> {
 public:
  explicit Redis(examples::RedisDatabases& databases)
      : FramedHandler(RespCodec(rondo::MaxFrameBytes(kLongestCommand))), commands_(databases) {}

  Action OnFrame(Connection& connection, std::string_view frame) override {
    if (!RespCodec::Split(frame, words_, unquoted_)) {
      return OnFrameError(connection, absl::InvalidArgumentError("unbalanced quotes"));
    }
    switch (CommandName(words_[0])) {
      case CommandName("QUIT"):
        (void)connection.Write("+OK\r\n");
        return Action::kClose;
      // HTTP: a web page has made a browser send it. What follows would be taken for commands.
      case CommandName("POST"):
      case CommandName("HOST:"):
        return Action::kClose;
      default:
        return Answer(connection);
    }
  }

  Action OnFrameError(Connection& connection, const absl::Status& error) override {
    (void)connection.Write("-ERR Protocol error: " + std::string(error.message()) + "\r\n");
    connection.Close(error);
    return Action::kNone;
  }

 private:
  // What is kept for a client that has chosen another database than the first.
  struct Session : Context {
    size_t database = 0;
  };

  // Commands wait while the client does not read, and the limit has room for the longest reply
  // behind what waits: a write is refused only when memory is short.
  Action Answer(Connection& connection) {
    auto* session = connection.context<Session>();
    size_t database = session == nullptr ? 0 : session->database;
    reply_.Clear();
    commands_.Run(words_, database, reply_);
    if (session != nullptr) {
      session->database = database;
    } else if (database != 0) {
      auto chosen = std::make_unique<Session>();
      chosen->database = database;
      connection.set_context(std::move(chosen));
    }
    return rondo::CloseIfRefused(connection.Write(reply_.text()));
  }

  examples::Commands commands_;
  RespCodec::Arguments words_;
  std::string unquoted_;
  examples::Reply reply_;
};

}  // namespace

int main(int argc, char** argv) {
  examples::ParseFlags(argc, argv, "A small Redis. Try it: redis-cli -p 7000");
  // Debian's Abseil looks for deadlocks at each lock, for a tenth of the time that a command takes.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  rondo::Options options = examples::OptionsFromFlags();
  options.connection.outbound_limit_bytes = 2 * examples::kMostReplyBytes;
  examples::RedisDatabases databases;
  return examples::Serve([&](size_t) { return std::make_unique<Redis>(databases); },
                         absl::GetFlag(FLAGS_address), options);
}
