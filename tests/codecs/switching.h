// A server that changes its protocol in mid-stream, at the client's request: lines, frames with a
// length, and bytes. The test says what else happens to the connection meanwhile.

#ifndef RONDO_TESTS_CODECS_SWITCHING_H_
#define RONDO_TESTS_CODECS_SWITCHING_H_

#include <gtest/gtest.h>
#include <sys/ioctl.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"

#include "rondo/codecs.h"
#include "rondo/framed_handler.h"
#include "rondo/rondo.h"

namespace rondo::tests {

// How the connections of a handler have ended.
class Endings {
 public:
  void Add() {
    absl::MutexLock lock(&mutex_);
    ++count_;
  }
  void Await(int count) {
    absl::MutexLock lock(&mutex_);
    const auto reached = [this, count]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      return count_ >= count;
    };
    mutex_.Await(absl::Condition(&reached));
  }
  int count() const {
    absl::MutexLock lock(&mutex_);
    return count_;
  }

 private:
  mutable absl::Mutex mutex_;
  int count_ ABSL_GUARDED_BY(mutex_) = 0;
};

// Answers what it gets with a mark of its own around it, and does what the test says first.
template <class C>
class Marking : public FramedHandler<C> {
 public:
  using Base = FramedHandler<C>;
  using OwedAnswer = typename Base::OwedAnswer;
  using Base::Owe;
  using Base::SwitchTo;
  // What the connection was given with the switch.
  struct Session : Base::Context {
    std::string name;
  };
  Marking(C codec, std::string_view mark) : Base(std::move(codec)), mark_(mark) {}

  Action OnFrame(Connection& connection, std::string_view frame) override {
    if (on_frame && on_frame(connection, frame)) return Action::kNone;
    const Session* const session = connection.context<Session>();
    (void)connection.Write(absl::StrCat(mark_, session != nullptr ? session->name : "",
                                  std::string(frame), mark_));
    return Action::kNone;
  }
  Action OnEndOfFrames(Connection& connection) override {
    (void)connection.Write(absl::StrCat(mark_, "end"));
    return Action::kClose;
  }
  void OnWritable(Connection& connection) override {
    (void)connection.Write(absl::StrCat(mark_, "!"));
  }
  Action OnClose(Connection&, const absl::Status&) override {
    endings.Add();
    return Action::kNone;
  }

  // True: the frame needs no answer.
  std::function<bool(Connection&, std::string_view)> on_frame;
  Endings endings;

 private:
  const std::string mark_;
};

using Lines = Marking<LineCodec>;
using Fields = Marking<LengthFieldCodec>;

inline LengthFieldCodec OneByte() {
  return *LengthFieldCodec::Create(MaxFrameBytes(100), {.length_bytes = 1});
}

// Echoes bytes up to a '.', and hands the connection over there.
struct Raw : EventHandler {
  Action OnTraffic(Connection& connection) override {
    while (connection.buffered() > 0) {
      const std::string byte(connection.Next(1));
      if (byte == "." && next != nullptr) {
        connection.SetHandler(*next);
        return Action::kNone;
      }
      (void)connection.Write(byte);
    }
    return Action::kNone;
  }
  Action OnPeerShutdown(Connection& connection) override {
    (void)connection.Write(absl::StrCat("raw end at ", connection.listener()));
    return Action::kClose;
  }
  Action OnClose(Connection&, const absl::Status&) override {
    endings.Add();
    return Action::kNone;
  }
  EventHandler* next = nullptr;
  Endings endings;
};

// Waits until the engine has taken from the socket all that had arrived.
inline void AwaitTaken(const ConnectionHandle& handle) {
  absl::Notification taken;
  std::function<void(Connection&)> look = [&](Connection& connection) {
    int unread = 0;
    EXPECT_EQ(::ioctl(connection.fd(), FIONREAD, &unread), 0);
    if (unread > 0) return (void)connection.handle().Post(look);
    taken.Notify();
  };
  ASSERT_TRUE(handle.Post(look));
  taken.WaitForNotification();
}

class SwitchingServerTest : public ::testing::TestWithParam<PollerKind> {
 protected:
  SwitchingServerTest() {
    raw.next = &lines;
    lines.on_frame = [this](Connection& connection, std::string_view line) {
      return OnLine(connection, line);
    };
    fields.on_frame = [this](Connection& connection, std::string_view frame) {
      if (frame != "raw") return false;
      (void)connection.Write("bytes:");
      fields.SwitchTo(connection, raw);
      return true;
    };
  }

  Options On() const { return {.poller = GetParam()}; }

  // "fields" and "raw" change the protocol, "owe" is answered by the test.
  bool OnLine(Connection& connection, std::string_view line) {
    {
      absl::MutexLock lock(&mutex_);
      handle_ = connection.handle();
      if (line == "owe") debts_.push_back(lines.Owe(connection));
    }
    if (line == "fields") {
      auto session = std::make_unique<Fields::Session>();
      session->name = "you:";
      (void)connection.Write("fields:");
      lines.SwitchTo(connection, fields, std::move(session));
    } else if (line == "raw") {
      lines.SwitchTo(connection, raw);
    } else if (line != "owe") {
      return false;
    }
    return true;
  }
  // Waits for `count` answers that are owed.
  std::vector<Lines::OwedAnswer> TakeDebts(size_t count) {
    absl::MutexLock lock(&mutex_);
    const auto all_there = [this, count]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      return debts_.size() == count;
    };
    mutex_.Await(absl::Condition(&all_there));
    return std::exchange(debts_, {});
  }
  // Of the connection whose line came last.
  ConnectionHandle handle() {
    absl::MutexLock lock(&mutex_);
    return handle_;
  }

  Lines lines{LineCodec(MaxFrameBytes(100)), "|"};
  Fields fields{OneByte(), "#"};
  Raw raw;

 private:
  absl::Mutex mutex_;
  ConnectionHandle handle_ ABSL_GUARDED_BY(mutex_);
  std::vector<Lines::OwedAnswer> debts_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace rondo::tests

#endif  // RONDO_TESTS_CODECS_SWITCHING_H_
