// A chat room on LineCodec: every line goes to all other members, on any loop, and a line that is
// too long costs its sender a warning, not the connection. `chat` is the same room by hand.
//
//   examples/run line_chat      in several other terminals: nc 127.0.0.1 7000

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/flags/flag.h"
#include "absl/strings/str_cat.h"

#include "rondo/codecs.h"
#include "rondo/framed_handler.h"
#include "rondo/rondo.h"

#include "support/serve.h"
#include "support/server_flags.h"
#include "support/talk.h"

namespace {

using rondo::Action;
using rondo::Connection;

constexpr size_t kLongestLine = 4096;
// A reader this far behind misses lines.
constexpr size_t kTooFarBehind = 64 << 10;

// What the room knows of a member; on the member's own loop only.
struct Member : rondo::FramedHandler<rondo::LineCodec>::Context {
  std::string name;
};

class Chat : public rondo::FramedHandler<rondo::LineCodec> {
 public:
  Chat() : FramedHandler(rondo::LineCodec(rondo::MaxFrameBytes(kLongestLine))) {}

  Action OnOpen(Connection& connection) override {
    auto member = std::make_unique<Member>();
    member->name = connection.remote_address().ToString();
    (void)connection.Write(
        absl::StrCat("* you are ", member->name, "; /name NEW to change that\n"));
    Tell(connection, absl::StrCat("* ", member->name, " is here\n"));
    connection.set_context(std::move(member));
    return Action::kNone;
  }

  Action OnFrame(Connection& connection, std::string_view line) override {
    std::string& name = connection.context<Member>()->name;
    if (line == "/quit") return Action::kClose;
    if (line.starts_with("/name ")) {
      const std::string before = std::exchange(name, std::string(line.substr(6, 40)));
      Tell(connection, absl::StrCat("* ", before, " is now ", name, "\n"));
    } else if (!line.empty()) {
      Tell(connection, absl::StrCat(name, ": ", std::string(line), "\n"));
    }
    return Action::kNone;
  }

  Action OnFrameError(Connection& connection, const absl::Status& error) override {
    return rondo::CloseIfRefused(
        connection.Write(absl::StrCat("* not sent: ", error.message(), "\n")));
  }

  Action OnClose(Connection& connection, const absl::Status&) override {
    Tell(connection, absl::StrCat("* ", connection.context<Member>()->name, " has left\n"));
    return Action::kNone;
  }

 private:
  // Pauses reading, so a speaker's next line comes when all loops have passed this one on.
  static void Tell(Connection& speaker, std::string line) {
    examples::Tell(speaker, std::move(line), 1, [](Connection& member, const examples::Talk& talk) {
      if (member.outbound_bytes() <= kTooFarBehind) (void)member.Write(talk.text);
    });
  }
};

}  // namespace

int main(int argc, char** argv) {
  examples::ParseFlags(argc, argv, "A chat room in lines. Join it: nc 127.0.0.1 7000");
  Chat chat;
  return examples::Serve(chat, absl::GetFlag(FLAGS_address), examples::OptionsFromFlags());
}
