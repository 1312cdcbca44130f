#include "tests/server/recorder.h"

#include "absl/strings/str_cat.h"

namespace rondo::testing {

// One callback: checked when it begins, and over when this goes.
class Recorder::Visit {
 public:
  Visit(Recorder& recorder, const Connection& connection, const char* callback)
      : recorder_(recorder), handle_(connection.handle()) {
    recorder.Enter(connection, callback);
  }
  ~Visit() { recorder_.Leave(handle_); }

 private:
  Recorder& recorder_;
  const ConnectionHandle handle_;
};

bool Recorder::WaitForOpened(size_t count) const {
  const auto reached = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return handles_.size() >= count;
  };
  absl::MutexLock lock(&mutex_);
  return mutex_.AwaitWithTimeout(absl::Condition(&reached), kPatience);
}

bool Recorder::WaitForClosed(size_t count) const {
  const auto reached = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return reasons_.size() >= count;
  };
  absl::MutexLock lock(&mutex_);
  return mutex_.AwaitWithTimeout(absl::Condition(&reached), kPatience);
}

size_t Recorder::opened() const {
  absl::MutexLock lock(&mutex_);
  return handles_.size();
}

size_t Recorder::closed() const {
  absl::MutexLock lock(&mutex_);
  return reasons_.size();
}

size_t Recorder::open() const {
  absl::MutexLock lock(&mutex_);
  return handles_.size() - reasons_.size();
}

bool Recorder::shut_down() const {
  absl::MutexLock lock(&mutex_);
  return shut_down_;
}

std::vector<absl::Status> Recorder::reasons() const {
  absl::MutexLock lock(&mutex_);
  return reasons_;
}

absl::Status Recorder::reason() const {
  absl::MutexLock lock(&mutex_);
  return reasons_.empty() ? absl::UnknownError("no OnClose yet") : reasons_.back();
}

std::vector<ConnectionHandle> Recorder::handles() const {
  absl::MutexLock lock(&mutex_);
  return handles_;
}

std::string Recorder::story(size_t n) const {
  absl::MutexLock lock(&mutex_);
  return n < handles_.size() ? lives_.at(handles_[n]).story : "";
}

std::vector<std::string> Recorder::violations() const {
  absl::MutexLock lock(&mutex_);
  return violations_;
}

void Recorder::Forget() {
  absl::MutexLock lock(&mutex_);
  lives_.clear();
  handles_.clear();
  reasons_.clear();
}

// --- The callbacks.

Action Recorder::OnBoot(Engine& engine) { return on_boot ? on_boot(engine) : Action::kNone; }

void Recorder::OnShutdown(Engine& engine) {
  {
    absl::MutexLock lock(&mutex_);
    if (shut_down_) violations_.push_back("a second OnShutdown");
    shut_down_ = true;
    if (reasons_.size() != handles_.size()) {
      violations_.push_back(absl::StrCat("OnShutdown after ", handles_.size(), " OnOpen and ",
                                         reasons_.size(), " OnClose"));
    }
  }
  if (on_shutdown) on_shutdown(engine);
}

Action Recorder::OnOpen(Connection& connection) {
  {
    absl::MutexLock lock(&mutex_);
    const auto [life, is_new] = lives_.try_emplace(connection.handle());
    if (!is_new) violations_.push_back("OnOpen with the handle of an earlier connection");
    life->second.thread = std::this_thread::get_id();
    handles_.push_back(connection.handle());
  }
  const Visit visit(*this, connection, "open");
  return on_open ? on_open(connection) : Action::kNone;
}

Action Recorder::OnTraffic(Connection& connection) {
  const Visit visit(*this, connection, "traffic");
  if (on_traffic) return on_traffic(connection);
  (void)connection.Write(connection.Next());
  return Action::kNone;
}

Action Recorder::OnPeerShutdown(Connection& connection) {
  const Visit visit(*this, connection, "peer_shutdown");
  return on_peer_shutdown ? on_peer_shutdown(connection) : Action::kClose;
}

void Recorder::OnWritable(Connection& connection) {
  const Visit visit(*this, connection, "writable");
  if (on_writable) on_writable(connection);
}

Action Recorder::OnTimeout(Connection& connection, Timeout timeout) {
  const Visit visit(*this, connection, "timeout");
  return on_timeout ? on_timeout(connection, timeout) : Action::kClose;
}

Action Recorder::OnClose(Connection& connection, const absl::Status& reason) {
  const Visit visit(*this, connection, "close");
  struct Record {
    ~Record() {
      absl::MutexLock lock(&recorder.mutex_);
      recorder.lives_.at(handle).closed = true;
      recorder.reasons_.push_back(reason);
    }
    Recorder& recorder;
    const ConnectionHandle handle;
    const absl::Status reason;
  };
  const Record record{*this, connection.handle(), reason};
  return on_close ? on_close(connection, reason) : Action::kNone;
}

absl::Duration Recorder::OnTick(EventLoop& loop) {
  return on_tick ? on_tick(loop) : absl::InfiniteDuration();
}

void Recorder::Enter(const Connection& connection, const char* callback) {
  absl::MutexLock lock(&mutex_);
  const auto complain = [&](const char* what) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    violations_.push_back(absl::StrCat("On ", callback, ": ", what));
  };
  const auto found = lives_.find(connection.handle());
  if (found == lives_.end()) return complain("before OnOpen");
  Life& life = found->second;
  if (life.closed) complain("after OnClose");
  if (life.in_callback) complain("inside another callback");
  if (life.thread != std::this_thread::get_id()) complain("on another thread than OnOpen");
  if (!connection.loop().IsCurrent()) complain("on a thread that is not its loop's");
  if (shut_down_) complain("after OnShutdown");
  life.in_callback = true;
  // Repeated traffic is one word, or the story of a busy connection would have no end.
  if (life.story.ends_with(callback)) return;
  absl::StrAppend(&life.story, life.story.empty() ? "" : " ", callback);
}

void Recorder::Leave(const ConnectionHandle& handle) {
  absl::MutexLock lock(&mutex_);
  lives_.at(handle).in_callback = false;
}

}  // namespace rondo::testing
