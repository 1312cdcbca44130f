#include "tests/simulation/checked_echo.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"

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

Action CheckedEcho::OnOpen(Connection& connection) {
  ++opened_;
  Life& life = lives_[connection.id()];
  if (life.thread != sys::Thread::kNone) Violation("a second OnOpen");
  life.thread = sys::CurrentThread();
  const Visit visit(*this, connection, "OnOpen");
  return Action::kNone;
}

Action CheckedEcho::OnTraffic(Connection& connection) {
  Visit visit(*this, connection, "OnTraffic");
  return Echo(connection);
}

Action CheckedEcho::OnPeerShutdown(Connection& connection) {
  Visit visit(*this, connection, "OnPeerShutdown");
  ++peer_shutdowns_;
  const size_t left = connection.buffered();
  if (left > 0) (void)Return(connection, left);
  return Action::kClose;
}

void CheckedEcho::OnWritable(Connection& connection) {
  const Visit visit(*this, connection, "OnWritable");
}

Action CheckedEcho::OnClose(Connection& connection, const absl::Status& reason) {
  {
    Visit visit(*this, connection, "OnClose");
    ++closed_;
    const std::optional<uint32_t> client = visit.life().client;
    if (client && !reasons_.emplace(*client, reason).second) Violation("two ends of one client");
  }
  lives_.erase(connection.id());
  return Action::kNone;
}

void CheckedEcho::OnShutdown(Engine&) {
  if (opened_ != closed_) {
    Violation(absl::StrCat("OnShutdown after ", opened_, " OnOpen and ", closed_, " OnClose"));
  }
  if (std::exchange(shut_down_, true)) Violation("a second OnShutdown");
}

Action CheckedEcho::Echo(Connection& connection) {
  const size_t length = connection.buffered();
  if (length == 0) return Action::kNone;
  size_t taken = length;
  if (random_.Below(8) == 0) {
    // The rest is offered again in a later turn.
    taken = static_cast<size_t>(random_.Magnitude(1, static_cast<int64_t>(length)));
    if (taken < length) {
      ++yields_;
      connection.Yield();
    }
  }
  return CloseIfRefused(Return(connection, taken));
}

WriteResult CheckedEcho::Return(Connection& connection, size_t length) {
  const std::string_view bytes = connection.Peek(length);
  Note(lives_[connection.id()], bytes);
  WriteResult result = WriteResult::kOk;
  switch (random_.Below(4)) {
    case 0:
      result = connection.Write(std::string(bytes));
      break;
    case 1:
      result = connection.Writev({bytes.substr(0, length / 2), "", bytes.substr(length / 2)});
      break;
    case 2:
      result = connection.Write(bytes);
      connection.Flush();
      break;
    default:
      result = connection.Write(bytes);
  }
  connection.Discard(length);
  return result;
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
