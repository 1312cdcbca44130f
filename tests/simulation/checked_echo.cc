#include "tests/simulation/checked_echo.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

namespace rondo::simulation {

class CheckedEcho::Visit {
 public:
  Visit(CheckedEcho& handler, const Connection& connection, const char* callback)
      : life_(handler.lives_[connection.id()]) {
    const auto complain = [&](const char* what) {
      handler.Violation(absl::StrCat(callback, " of connection ", connection.id(), " ", what));
    };
    if (life_.thread == sys::Thread::kNone) complain("before OnOpen, or after OnClose");
    if (life_.thread != sys::CurrentThread()) complain("on another thread");
    if (life_.in_callback) complain("inside another callback");
    if (handler.shut_down_) complain("after OnShutdown");
    life_.in_callback = true;
  }
  ~Visit() { life_.in_callback = false; }
  Visit(const Visit&) = delete;
  Visit& operator=(const Visit&) = delete;

  Life& life() { return life_; }

 private:
  Life& life_;
};

// --- Callbacks.

Action CheckedEcho::OnBoot(Engine&) {
  if (style_.greeting_path.empty()) return Action::kNone;
  greeting_.Reset(sys::OpenToRead(style_.greeting_path));
  return greeting_ ? Action::kNone : Action::kClose;
}

Action CheckedEcho::OnOpen(Connection& connection) {
  ++opened_;
  Life& life = lives_[connection.id()];
  if (life.thread != sys::Thread::kNone) Violation("a second OnOpen");
  life.thread = sys::CurrentThread();
  const Visit visit(*this, connection, "OnOpen");
  handles_.push_back(connection.handle());
  if (!greeting_) return Action::kNone;
  Reach("file");
  const size_t length = style_.greeting_bytes;
  // It takes a descriptor until it was sent.
  if (connection.SendFile(greeting_.get(), 0, length) == WriteResult::kRefused) {
    if (!style_.may_lack_descriptors) Violation("a file was refused in OnOpen");
    return Action::kClose;
  }
  life.written += length;
  return Action::kNone;
}

Action CheckedEcho::OnTraffic(Connection& connection) {
  const Visit visit(*this, connection, "OnTraffic");
  return Echo(connection);
}

Action CheckedEcho::OnPeerShutdown(Connection& connection) {
  const Visit visit(*this, connection, "OnPeerShutdown");
  Reach("peer's end");
  return Finish(connection);
}

void CheckedEcho::OnWritable(Connection& connection) {
  Visit visit(*this, connection, "OnWritable");
  Reach("writable again");
  if (visit.life().has_ended && Finish(connection) == Action::kClose) connection.Close();
}

Action CheckedEcho::OnTimeout(Connection& connection, Timeout) {
  const Visit visit(*this, connection, "OnTimeout");
  Reach("timeout");
  return Action::kClose;
}

Action CheckedEcho::OnClose(Connection& connection, const absl::Status& reason) {
  {
    Visit visit(*this, connection, "OnClose");
    ++closed_;
    if (visit.life().was_refused && reason.ok()) {
      Violation("an offload was refused to a connection that was in order");
    }
    if (const std::optional<uint32_t> client = visit.life().client) {
      if (!reasons_.emplace(*client, reason).second) Violation("two ends of one client");
      written_[*client] = visit.life().written;
    }
  }
  lives_.erase(connection.id());
  return Action::kNone;
}

void CheckedEcho::OnShutdown(Engine&) {
  if (opened_ != closed_) {
    Violation(absl::StrCat("OnShutdown after ", opened_, " OnOpen and ", closed_, " OnClose"));
  }
  if (std::exchange(shut_down_, true)) Violation("a second OnShutdown");
  greeting_.Reset();
}

// --- Answering.

Action CheckedEcho::Echo(Connection& connection) {
  const size_t length = connection.buffered();
  if (length == 0) return Action::kNone;
  size_t taken = length;
  if (random_.Below(8) == 0) {
    // The rest is offered again in a later turn.
    taken = static_cast<size_t>(random_.Magnitude(1, static_cast<int64_t>(length)));
    if (taken < length) {
      Reach("yield");
      connection.Yield();
    }
  }
  MayPause(connection);
  if (style_.offloads) {
    // What may not be offloaded now stays until OnWritable, after which it is offered again.
    (void)Offload(connection, taken);
    return Action::kNone;
  }
  return CloseIfRefused(Return(connection, taken));
}

void CheckedEcho::MayPause(Connection& connection) {
  if (!style_.pauses || random_.Below(8) > 0 || !connection.reading()) return;
  Reach("pause");
  connection.PauseReading();
  const absl::Duration pause = absl::Nanoseconds(random_.Magnitude(1000, 20'000'000));
  connection.Schedule(pause, [this](Connection& paused) {
    const Visit visit(*this, paused, "a timer");
    paused.ResumeReading();
  });
}

bool CheckedEcho::Offload(Connection& connection, size_t length) {
  if (connection.backlogged()) return false;
  const int64_t work = random_.Below(2) == 0 ? 0 : random_.Magnitude(1000, 5'000'000);
  const auto reply = [work, bytes = std::string(connection.Peek(length))] {
    if (work > 0) (void)sys::Sleep(work);
    return bytes;
  };
  const auto then = [this](Connection& answered, const std::string& bytes) {
    const Visit visit(*this, answered, "a result");
    (void)Write(answered, bytes);
  };
  Life& life = lives_[connection.id()];
  Note(life, connection.Peek(length));
  // Only one that cannot be sent to any more is refused: what it gets is dropped.
  if (connection.Offload(reply, then) == WriteResult::kRefused) life.was_refused = true;
  Reach("offload");
  connection.Discard(length);
  return true;
}

WriteResult CheckedEcho::Return(Connection& connection, size_t length) {
  const std::string bytes(connection.Peek(length));
  Note(lives_[connection.id()], bytes);
  connection.Discard(length);
  const WriteResult result = Write(connection, bytes);
  if (!style_.asks_when_sent || random_.Below(4) > 0) return result;
  const size_t promise = promises_.Make("the `done` of NotifyWhenSent");
  connection.NotifyWhenSent([this, promise](const absl::Status&) { promises_.Keep(promise); });
  return result;
}

WriteResult CheckedEcho::Write(Connection& connection, std::string_view bytes) {
  WriteResult result = WriteResult::kOk;
  const size_t half = bytes.size() / 2;
  switch (random_.Below(4)) {
    case 0:
      result = connection.Write(std::string(bytes));
      break;
    case 1:
      result = connection.Writev({bytes.substr(0, half), "", bytes.substr(half)});
      break;
    case 2:
      result = connection.Write(bytes);
      connection.Flush();
      break;
    default:
      result = connection.Write(bytes);
  }
  if (result != WriteResult::kRefused) lives_[connection.id()].written += bytes.size();
  return result;
}

Action CheckedEcho::Finish(Connection& connection) {
  const size_t left = connection.buffered();
  if (left == 0) return Action::kClose;
  if (!style_.offloads) {
    (void)Return(connection, left);
    return Action::kClose;
  }
  if (Offload(connection, left)) return Action::kClose;
  lives_[connection.id()].has_ended = true;
  return Action::kNone;
}

void CheckedEcho::Note(Life& life, std::string_view bytes) {
  if (life.client) return;
  life.beginning += bytes.substr(0, sizeof(uint32_t) - life.beginning.size());
  if (life.beginning.size() < sizeof(uint32_t)) return;
  uint32_t client;
  std::memcpy(&client, life.beginning.data(), sizeof client);
  life.client = client;
}

}  // namespace rondo::simulation
