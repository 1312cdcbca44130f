// A chat room: every line goes to all other members, on any loop. A reader too slow to keep up
// misses lines and gets a note about that; the others never wait for it.
//
//   examples/run chat          in several other terminals: nc 127.0.0.1 7000

#include <memory>
#include <string>
#include <string_view>

#include "absl/flags/flag.h"

#include "rondo/rondo.h"

#include "support/serve.h"
#include "support/server_flags.h"

namespace {

using rondo::Action;
using rondo::Connection;

constexpr size_t kLongestLine = 4096;

// What the room knows of a member; on the member's own loop only.
struct Member : rondo::ConnectionContext {
  std::string name;
  // Too much waits for it already; until OnWritable.
  bool behind = false;
  size_t missed = 0;
};

class Chat : public rondo::EventHandler {
 public:
  Action OnOpen(Connection& connection) override {
    auto member = std::make_unique<Member>();
    member->name = connection.remote_address().ToString();
    connection.Write("you are " + member->name + "\n");
    Tell(connection, "* " + member->name + " is here\n");
    connection.set_context(std::move(member));
    return Action::kNone;
  }

  Action OnTraffic(Connection& connection) override {
    const std::string& name = connection.context<Member>()->name;
    for (;;) {
      const std::string_view input = connection.Peek();
      const size_t end = input.find('\n');
      if (end == std::string_view::npos) break;
      Tell(connection, name + ": " + std::string(connection.Next(end + 1)));
    }
    if (connection.buffered() <= kLongestLine) return Action::kNone;
    connection.Write("* lines may have 4096 characters\n");
    return Action::kClose;
  }

  void OnWritable(Connection& connection) override {
    Member& member = *connection.context<Member>();
    member.behind = false;
    if (member.missed == 0) return;
    connection.Write("* you were too slow and missed " + std::to_string(member.missed) +
                     " lines\n");
    member.missed = 0;
  }

  Action OnClose(Connection& connection, const absl::Status&) override {
    Tell(connection, "* " + connection.context<Member>()->name + " has left\n");
    return Action::kNone;
  }

 private:
  // Each loop writes to its own members: one task a loop and line, not one a member.
  static void Tell(Connection& speaker, const std::string& line) {
    rondo::Engine& engine = speaker.loop().engine();
    for (size_t i = 0; i < engine.loop_count(); ++i) {
      rondo::EventLoop& loop = engine.loop(i);
      const bool posted = loop.Post([&loop, line, from = speaker.handle()] {
        loop.ForEach([&](Connection& member) {
          if (!(member.handle() == from)) Hear(member, line);
        });
      });
      // The loop's mailbox is full: its members miss this line.
      if (!posted) continue;
    }
  }

  static void Hear(Connection& member, const std::string& line) {
    Member* const state = member.context<Member>();
    if (state == nullptr) return;
    // New lines are dropped, and those that wait are kept.
    if (state->behind) {
      ++state->missed;
    } else {
      state->behind = member.Write(line) == rondo::WriteResult::kAboveHighWater;
    }
  }
};

}  // namespace

int main(int argc, char** argv) {
  examples::ParseFlags(argc, argv, "A chat room. Join it: nc 127.0.0.1 7000");
  Chat chat;
  return examples::Serve(chat, absl::GetFlag(FLAGS_address), examples::OptionsFromFlags());
}
