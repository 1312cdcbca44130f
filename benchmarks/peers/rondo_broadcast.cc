// A server that sends to all what one client sends, as Rondo's users write it: in the callback, by
// the loop's ForEach, or from another thread, by one Post a loop and ForEach there.
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/flags/flag.h"
#include "absl/synchronization/mutex.h"

#include "rondo/rondo.h"
#include "support/serve.h"
#include "support/server_flags.h"

ABSL_FLAG(std::string, broadcast, "callback", "where from: callback or thread");

namespace {

void SendToAll(rondo::EventLoop& loop, std::string_view message) {
  loop.ForEach([message](rondo::Connection& each) { (void)each.Write(message); });
}

// For one loop: it sends to the connections of its own.
class FromCallback : public rondo::EventHandler {
 public:
  rondo::Action OnTraffic(rondo::Connection& connection) override {
    SendToAll(connection.loop(), connection.Next());
    return rondo::Action::kNone;
  }
};

class FromThread : public rondo::EventHandler {
 public:
  rondo::Action OnBoot(rondo::Engine& engine) override {
    thread_ = std::thread([this, &engine] { Run(engine); });
    return rondo::Action::kNone;
  }

  rondo::Action OnTraffic(rondo::Connection& connection) override {
    const absl::MutexLock lock(&mutex_);
    posted_.append(connection.Next());
    return rondo::Action::kNone;
  }

  void OnShutdown(rondo::Engine&) override {
    {
      const absl::MutexLock lock(&mutex_);
      over_ = true;
    }
    thread_.join();
  }

 private:
  void Run(rondo::Engine& engine) {
    for (std::string message = Next(); !message.empty(); message = Next()) {
      for (size_t i = 0; i < engine.loop_count(); ++i) {
        rondo::EventLoop& loop = engine.loop(i);
        (void)loop.Post([&loop, message] { SendToAll(loop, message); });
      }
    }
  }

  // Waits; empty at the end.
  std::string Next() {
    const auto is_woken = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
      return over_ || !posted_.empty();
    };
    const absl::MutexLock lock(&mutex_, absl::Condition(&is_woken));
    return over_ ? std::string() : std::exchange(posted_, {});
  }

  absl::Mutex mutex_;
  std::string posted_ ABSL_GUARDED_BY(mutex_);
  bool over_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace

int main(int argc, char** argv) {
  examples::ParseFlags(argc, argv, "A broadcast of Rondo, for the benchmarks.");
  FromCallback from_callback;
  FromThread from_thread;
  const bool by_thread = absl::GetFlag(FLAGS_broadcast) == "thread";
  rondo::EventHandler& handler =
      by_thread ? static_cast<rondo::EventHandler&>(from_thread) : from_callback;
  return examples::Serve(handler, absl::GetFlag(FLAGS_address), examples::OptionsFromFlags());
}
