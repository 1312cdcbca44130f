// A chat room: every line goes to all other members, on any loop. A reader too slow to keep up
// misses lines and gets a note about that; the others never wait for it. A member who talks faster
// than the loops pass it on waits: what it said last is passed on before it is read from again.
//
//   examples/run chat          in several other terminals: nc 127.0.0.1 7000

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/flags/flag.h"

#include "rondo/rondo.h"

#include "support/serve.h"
#include "support/server_flags.h"
#include "support/talk.h"

namespace {

using rondo::Action;
using rondo::Connection;

constexpr size_t kLongestLine = 4096;
// What a member may say in one callback, but for the end of the last line.
constexpr size_t kMostAtOnce = 16 << 10;

// What the room knows of a member; on the member's own loop only.
struct Member : rondo::ConnectionContext {
  std::string name;
  // Lines, until OnWritable.
  size_t missed = 0;
};

class Chat : public rondo::EventHandler {
 public:
  Action OnOpen(Connection& connection) override {
    auto member = std::make_unique<Member>();
    member->name = connection.remote_address().ToString();
    (void)connection.Write("you are " + member->name + "\n");
    Tell(connection, "* " + member->name + " is here\n");
    connection.set_context(std::move(member));
    return Action::kNone;
  }

  Action OnTraffic(Connection& connection) override {
    const std::string& name = connection.context<Member>()->name;
    std::string said;
    size_t lines = 0;
    bool too_long = false;
    while (said.size() < kMostAtOnce) {
      const std::string_view input = connection.Peek();
      // Each line is measured by itself, however many have arrived with it.
      const size_t end = input.substr(0, kLongestLine + 1).find('\n');
      too_long = end == std::string_view::npos && input.size() > kLongestLine;
      if (end == std::string_view::npos) break;
      said.append(name).append(": ").append(connection.Next(end + 1));
      ++lines;
    }
    if (lines > 0) Tell(connection, std::move(said), lines);
    if (!too_long) return Action::kNone;
    (void)connection.Write("* lines may have 4096 characters\n");
    return Action::kClose;
  }

  void OnWritable(Connection& connection) override {
    Member& member = *connection.context<Member>();
    if (member.missed == 0) return;
    const rondo::WriteResult told = connection.Write(
        "* you were too slow and missed " + std::to_string(member.missed) + " lines\n");
    if (told != rondo::WriteResult::kRefused) member.missed = 0;
  }

  Action OnClose(Connection& connection, const absl::Status&) override {
    Tell(connection, "* " + connection.context<Member>()->name + " has left\n");
    return Action::kNone;
  }

 private:
  static void Tell(Connection& speaker, std::string text, size_t lines = 1) {
    examples::Tell(speaker, std::move(text), lines, Hear);
  }

  static void Hear(Connection& member, const examples::Talk& talk) {
    Member* const state = member.context<Member>();
    if (state == nullptr) return;
    // New lines are dropped, and those that wait are kept.
    if (member.backlogged() || member.Write(talk.text) == rondo::WriteResult::kRefused) {
      state->missed += talk.lines;
    }
  }
};

}  // namespace

int main(int argc, char** argv) {
  examples::ParseFlags(argc, argv, "A chat room. Join it: nc 127.0.0.1 7000");
  Chat chat;
  return examples::Serve(chat, absl::GetFlag(FLAGS_address), examples::OptionsFromFlags());
}
