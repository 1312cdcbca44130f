// What handles send to loops: one kind of mail for each operation of a handle.

#include <new>
#include <utility>

#include "rondo/connection.h"
#include "rondo/framed_handler.h"

#include "loop/event_loop_impl.h"
#include "loop/loop_mail.h"
#include "reactor/mailbox.h"
#include "reactor/refusals.h"
#include "reactor/user_code.h"
#include "stream/connection/stream_connection.h"

namespace rondo {
namespace {

using loop::EventLoopImpl;
using stream::ConnectionName;
using stream::StreamConnection;
using Done = ConnectionHandle::Done;

absl::Status IsClosing() { return absl::UnavailableError("the connection is closing"); }

// What the string keeps on the heap.
size_t HeapBytes(const std::string& text) {
  return text.capacity() > std::string().capacity() ? text.capacity() + 1 : 0;
}

size_t BytesIn(const std::string& first, const std::vector<std::string>& rest) {
  size_t bytes = first.size();
  for (const std::string& piece : rest) bytes += piece.size();
  return bytes;
}

size_t HeapBytes(const std::string& first, const std::vector<std::string>& rest) {
  size_t bytes = HeapBytes(first) + rest.capacity() * sizeof(std::string);
  for (const std::string& piece : rest) bytes += HeapBytes(piece);
  return bytes;
}

// Mail for one connection, which may be gone by the time it arrives.
class ConnectionMail : public reactor::Mail {
 public:
  ConnectionMail(size_t bytes, ConnectionName name, Done done)
      : Mail(bytes), name_(name), done_(std::move(done)) {}

  void Deliver(EventLoopImpl& loop) final RONDO_ON_LOOP {
    StreamConnection* const connection = loop.streams().Find(name_);
    if (connection == nullptr) return DeliverGone(loop);
    try {
      Deliver(loop, *connection);
    } catch (const std::bad_alloc&) {
      // It may stand half written.
      loop.streams().OnNoMemory(*connection);
      throw;
    }
  }
  void Drop(const absl::Status& reason) final {
    if (done_) reactor::UserCode::RunUnreported([&] { done_(reason); });
  }

 protected:
  virtual void Deliver(EventLoopImpl& loop, StreamConnection& connection) RONDO_ON_LOOP = 0;
  // The connection has ended, or its end is decided.
  virtual void DeliverGone(EventLoopImpl& loop) RONDO_ON_LOOP {
    Finish(loop, absl::UnavailableError("the connection has ended"));
  }
  void Finish(EventLoopImpl& loop, const absl::Status& status) RONDO_ON_LOOP {
    loop.streams().Complete(name_.number(), TakeDone(), status);
  }
  Done TakeDone() { return std::exchange(done_, nullptr); }

  const ConnectionName name_;
  Done done_;
};

class WriteMail final : public ConnectionMail {
 public:
  // Takes its arguments over, none of them before there is memory for the mail.
  WriteMail(ConnectionName name, std::string& first, std::vector<std::string>& rest, Done& done)
      : ConnectionMail(sizeof(WriteMail) + HeapBytes(first, rest), name, std::move(done)),
        length_(BytesIn(first, rest)),
        first_(std::move(first)),
        rest_(std::move(rest)) {}

 private:
  void Deliver(EventLoopImpl& loop, StreamConnection& connection) override RONDO_ON_LOOP {
    stream::Output& output = loop.streams().output();
    if (!connection.state.AcceptsWrites()) {
      const bool failed = connection.state.HasOutputFailed();
      return Finish(loop, failed ? connection.reason() : IsClosing());
    }
    if (!output.Admits(connection, length_)) {
      return Finish(loop, absl::ResourceExhaustedError(
          "more would wait to be sent than ConnectionOptions::outbound_limit_bytes allows"));
    }
    output.CountWrite();
    (void)output.WriteAdmitted(connection, std::move(first_));
    for (std::string& piece : rest_) (void)output.WriteAdmitted(connection, std::move(piece));
    if (done_ && !output.NotifyWhenSent(connection, done_)) {
      Finish(loop, connection.services().no_memory);
    }
  }

  const size_t length_;
  std::string first_;
  std::vector<std::string> rest_;
};

class WakeMail final : public ConnectionMail {
 public:
  WakeMail(ConnectionName name, Done& done)
      : ConnectionMail(sizeof(WakeMail), name, std::move(done)) {}

 private:
  void Deliver(EventLoopImpl& loop, StreamConnection& connection) override RONDO_ON_LOOP {
    const bool woken = loop.streams().Wake(connection);
    Finish(loop, woken ? absl::OkStatus() : IsClosing());
  }
};

class CloseMail final : public ConnectionMail {
 public:
  CloseMail(ConnectionName name, Done& done)
      : ConnectionMail(sizeof(CloseMail), name, std::move(done)) {}

 private:
  void Deliver(EventLoopImpl& loop, StreamConnection& connection) override RONDO_ON_LOOP {
    connection.Close();
    DeliverGone(loop);
  }
  void DeliverGone(EventLoopImpl& loop) override RONDO_ON_LOOP {
    loop.streams().CompleteAfterClose(name_, TakeDone());
  }
};

class VisitMail final : public ConnectionMail {
 public:
  VisitMail(ConnectionName name, absl::AnyInvocable<void(Connection&)> task, size_t bytes)
      : ConnectionMail(sizeof(VisitMail) + loop::OutsideTask(bytes), name, {}),
        task_(std::move(task)) {}

 private:
  void Deliver(EventLoopImpl& loop, StreamConnection& connection) override RONDO_ON_LOOP {
    loop.streams().RunTask(connection, [this](Connection& visited) { task_(visited); });
  }

  absl::AnyInvocable<void(Connection&)> task_;
};

// Takes no room from other mail: it is made in a callback, for work that is bounded otherwise.
class SettlingMail final : public ConnectionMail {
 public:
  SettlingMail(ConnectionName name, SettlingVisit::Task task)
      : ConnectionMail(0, name, {}), task_(task) {}

 private:
  void Deliver(EventLoopImpl& loop, StreamConnection& connection) override RONDO_ON_LOOP {
    bool wakes = false;
    loop.streams().RunTask(connection, [&](Connection& visited) { wakes = task_(visited); });
    StreamConnection* const same = loop.streams().Find(name_);
    if (wakes && same != nullptr) (void)loop.streams().Wake(*same);
  }
  void DeliverGone(EventLoopImpl&) override RONDO_ON_LOOP {}

  const SettlingVisit::Task task_;
};

// To the mailbox of a handle that may name nothing.
bool Send(reactor::Mailbox* mailbox, std::unique_ptr<ConnectionMail> mail) {
  if (mailbox != nullptr) return mailbox->Post(std::move(mail));
  reactor::Refusals::Refuse(std::move(mail), reactor::Refusal::kNoConnection);
  return false;
}

// Sends `mail`, or null when there was no memory for it.
void SendOrTell(reactor::Mailbox* mailbox, std::unique_ptr<ConnectionMail> mail, Done& done) {
  if (mail == nullptr) return reactor::Refusals::TellNoMemory(std::move(done));
  (void)Send(mailbox, std::move(mail));
}

}  // namespace

void ConnectionHandle::Write(std::string bytes, Done done) const {
  std::vector<std::string> none;
  const ConnectionName name = {{slot_, generation_}, era_};
  std::unique_ptr<ConnectionMail> mail(new (std::nothrow) WriteMail(name, bytes, none, done));
  SendOrTell(mailbox_.get(), std::move(mail), done);
}

void ConnectionHandle::Writev(std::vector<std::string> pieces, Done done) const {
  std::string none;
  const ConnectionName name = {{slot_, generation_}, era_};
  std::unique_ptr<ConnectionMail> mail(new (std::nothrow) WriteMail(name, none, pieces, done));
  SendOrTell(mailbox_.get(), std::move(mail), done);
}

void ConnectionHandle::Wake(Done done) const {
  const ConnectionName name = {{slot_, generation_}, era_};
  std::unique_ptr<ConnectionMail> mail(new (std::nothrow) WakeMail(name, done));
  SendOrTell(mailbox_.get(), std::move(mail), done);
}

void ConnectionHandle::Close(Done done) const {
  const ConnectionName name = {{slot_, generation_}, era_};
  std::unique_ptr<ConnectionMail> mail(new (std::nothrow) CloseMail(name, done));
  SendOrTell(mailbox_.get(), std::move(mail), done);
}

bool ConnectionHandle::PostTask(absl::AnyInvocable<void(Connection&)> task, size_t bytes) const {
  const ConnectionName name = {{slot_, generation_}, era_};
  std::unique_ptr<ConnectionMail> mail(new (std::nothrow) VisitMail(name, std::move(task), bytes));
  return mail != nullptr && Send(mailbox_.get(), std::move(mail));
}

SettlingVisit::SettlingVisit(const ConnectionHandle& to, Task task)
    : mailbox_(to.mailbox_),
      mail_(new SettlingMail({{to.slot_, to.generation_}, to.era_}, task)) {}

void SettlingVisit::Send() noexcept {
  (void)mailbox_->PostUrgent(std::unique_ptr<reactor::Mail>(mail_));
}

}  // namespace rondo
