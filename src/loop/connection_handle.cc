// What handles send to loops: one kind of mail for each operation of a handle.

#include <utility>

#include "rondo/connection.h"

#include "loop/event_loop_impl.h"
#include "reactor/mailbox.h"
#include "reactor/user_code.h"
#include "stream/connection/stream_connection.h"

namespace rondo {
namespace {

using loop::EventLoopImpl;
using stream::ConnectionName;
using stream::StreamConnection;
using Done = ConnectionHandle::Done;

absl::Status IsClosing() { return absl::UnavailableError("the connection is closing"); }

// Mail for one connection, which may be gone by the time it arrives.
class ConnectionMail : public reactor::Mail {
 public:
  ConnectionMail(size_t bytes, ConnectionName name, Done done)
      : Mail(bytes), name_(name), done_(std::move(done)) {}

  void Deliver(EventLoopImpl& loop) final RONDO_ON_LOOP {
    if (StreamConnection* connection = loop.streams().Find(name_); connection != nullptr) {
      return Deliver(loop, *connection);
    }
    DeliverGone(loop);
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
    loop.streams().Complete(TakeDone(), status);
  }
  Done TakeDone() { return std::exchange(done_, nullptr); }

  const ConnectionName name_;

 private:
  Done done_;
};

class WriteMail final : public ConnectionMail {
 public:
  WriteMail(size_t bytes, ConnectionName name, std::vector<std::string> pieces, Done done)
      : ConnectionMail(sizeof(WriteMail) + pieces.capacity() * sizeof(std::string) + bytes, name,
                       std::move(done)),
        length_(bytes),
        pieces_(std::move(pieces)) {}

 private:
  void Deliver(EventLoopImpl& loop, StreamConnection& connection) override RONDO_ON_LOOP {
    stream::Output& output = loop.streams().output();
    if (!connection.state.AcceptsWrites()) return Finish(loop, IsClosing());
    if (!output.Admits(connection, length_)) {
      return Finish(loop, absl::ResourceExhaustedError(
          "more would wait to be sent than ConnectionOptions::outbound_limit_bytes allows"));
    }
    for (std::string& piece : pieces_) (void)output.WriteAdmitted(connection, std::move(piece));
    if (Done done = TakeDone(); done && !output.NotifyWhenSent(connection, done)) {
      loop.streams().Complete(std::move(done), connection.services().no_memory);
    }
  }

  const size_t length_;
  std::vector<std::string> pieces_;
};

class WakeMail final : public ConnectionMail {
 public:
  WakeMail(ConnectionName name, Done done)
      : ConnectionMail(sizeof(WakeMail), name, std::move(done)) {}

 private:
  void Deliver(EventLoopImpl& loop, StreamConnection& connection) override RONDO_ON_LOOP {
    const bool woken = loop.streams().Wake(connection);
    Finish(loop, woken ? absl::OkStatus() : IsClosing());
  }
};

class CloseMail final : public ConnectionMail {
 public:
  CloseMail(ConnectionName name, Done done)
      : ConnectionMail(sizeof(CloseMail), name, std::move(done)) {}

 private:
  void Deliver(EventLoopImpl&, StreamConnection& connection) override RONDO_ON_LOOP {
    connection.Close();
    if (Done done = TakeDone(); done) {
      connection.EnsureRareState().when_closed.push_back(std::move(done));
    }
  }
  void DeliverGone(EventLoopImpl& loop) override RONDO_ON_LOOP {
    loop.streams().CompleteAfterClose(name_, TakeDone());
  }
};

class VisitMail final : public ConnectionMail {
 public:
  VisitMail(ConnectionName name, absl::AnyInvocable<void(Connection&)> task)
      : ConnectionMail(sizeof(VisitMail), name, {}), task_(std::move(task)) {}

 private:
  void Deliver(EventLoopImpl& loop, StreamConnection& connection) override RONDO_ON_LOOP {
    loop.streams().RunTask(connection, [this](Connection& visited) { task_(visited); });
  }

  absl::AnyInvocable<void(Connection&)> task_;
};

// To the mailbox of a handle that may name nothing.
bool Send(reactor::Mailbox* mailbox, std::unique_ptr<ConnectionMail> mail) {
  if (mailbox != nullptr) return mailbox->Post(std::move(mail));
  mail->Drop(absl::FailedPreconditionError("the handle names no connection"));
  return false;
}

}  // namespace

void ConnectionHandle::Write(std::string bytes, Done done) const {
  std::vector<std::string> pieces;
  pieces.push_back(std::move(bytes));
  Writev(std::move(pieces), std::move(done));
}

void ConnectionHandle::Writev(std::vector<std::string> pieces, Done done) const {
  size_t bytes = 0;
  for (const std::string& piece : pieces) bytes += piece.size();
  (void)Send(mailbox_.get(),
             std::make_unique<WriteMail>(bytes, ConnectionName{{slot_, generation_}, era_},
                                         std::move(pieces), std::move(done)));
}

void ConnectionHandle::Wake(Done done) const {
  (void)Send(mailbox_.get(), std::make_unique<WakeMail>(ConnectionName{{slot_, generation_}, era_},
                                                        std::move(done)));
}

void ConnectionHandle::Close(Done done) const {
  (void)Send(mailbox_.get(), std::make_unique<CloseMail>(ConnectionName{{slot_, generation_}, era_},
                                                         std::move(done)));
}

bool ConnectionHandle::Post(absl::AnyInvocable<void(Connection&)> task) const {
  return Send(mailbox_.get(),
              std::make_unique<VisitMail>(ConnectionName{{slot_, generation_}, era_},
                                          std::move(task)));
}

}  // namespace rondo
