// How a line gets from a member of a chat room to all others: one task for each loop, not one for
// each member, and the loops share the text. Until every loop has passed it on the speaker is not
// read from, so a member who talks faster than that is held up by TCP, and no mailbox fills.

#ifndef RONDO_EXAMPLES_SUPPORT_TALK_H_
#define RONDO_EXAMPLES_SUPPORT_TALK_H_

#include <cstddef>
#include <memory>
#include <string>
#include <utility>

#include "rondo/rondo.h"

namespace examples {

// Lines on their way. The last loop that has passed them on lets the speaker go on.
struct Talk {
  Talk(std::string talk, size_t count, rondo::ConnectionHandle from)
      : text(std::move(talk)), lines(count), speaker(std::move(from)) {}
  ~Talk() {
    (void)speaker.Post([](rondo::Connection& connection) { connection.ResumeReading(); });
  }

  const std::string text;
  const size_t lines;
  const rondo::ConnectionHandle speaker;
};

// Calls `hear` for each connection but the speaker's, on its loop.
inline void Tell(rondo::Connection& speaker, std::string text, size_t lines,
                 void (*hear)(rondo::Connection& member, const Talk& talk)) {
  const auto talk = std::make_shared<const Talk>(std::move(text), lines, speaker.handle());
  speaker.PauseReading();
  rondo::Engine& engine = speaker.loop().engine();
  for (size_t i = 0; i < engine.loop_count(); ++i) {
    rondo::EventLoop& loop = engine.loop(i);
    // A loop whose mailbox is full: its members miss these lines.
    (void)loop.Post([&loop, talk, hear] {
      loop.ForEach([&](rondo::Connection& member) {
        if (member.handle() != talk->speaker) hear(member, *talk);
      });
    });
  }
}

}  // namespace examples

#endif  // RONDO_EXAMPLES_SUPPORT_TALK_H_
