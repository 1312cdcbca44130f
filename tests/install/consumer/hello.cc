// A user's program, as small as one that uses a bit of everything can be: sockets and loops, a
// codec and what the headers hold of templates. It is built outside the tree.

#include <rondo/rondo.h>

#include <iostream>
#include <memory>
#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace {

struct Visitor : rondo::FramedHandler<rondo::LineCodec>::Context {
  int lines = 0;
};

struct Hello : rondo::FramedHandler<rondo::LineCodec> {
  Hello() : FramedHandler(rondo::LineCodec(rondo::MaxFrameBytes(100))) {}
  rondo::Action OnOpen(rondo::Connection& connection) override {
    connection.set_context(std::make_unique<Visitor>());
    (void)connection.Write("hello\n");
    connection.handle().Post([](rondo::Connection& same) { (void)same.Write("and welcome\n"); });
    return rondo::Action::kNone;
  }
  rondo::Action OnFrame(rondo::Connection& connection, std::string_view line) override {
    ++connection.context<Visitor>()->lines;
    return WriteFrame(connection, line).ok() ? rondo::Action::kNone : rondo::Action::kClose;
  }
};

}  // namespace

int main() {
  Hello hello;
  const rondo::Options options = {.loops = 2, .log = [](rondo::LogSeverity, std::string_view) {}};
  auto engine = rondo::Engine::Start(hello, "tcp://127.0.0.1:0", options);
  if (!engine.ok()) {
    std::cerr << engine.status() << std::endl;
    return 1;
  }
  std::cout << "listening on " << (*engine)->addresses()[0].ToString() << std::endl;
  rondo::EventLoop& loop = (*engine)->loop(0);
  const bool posted = loop.Post([&loop] { loop.Schedule(absl::Hours(1), [] {}); });
  return posted && (*engine)->Stop(absl::Seconds(5)).ok() ? 0 : 1;
}
