// What handles send to loops: one kind of mail for each thing a handle can ask.

#include <utility>

#include "rondo/connection.h"

#include "reactor/loop.h"
#include "reactor/mailbox.h"
#include "reactor/stream_connection.h"

namespace rondo {
namespace {

using reactor::Loop;
using reactor::StreamConnection;
using Done = ConnectionHandle::Done;

constexpr const char* kClosing = "the connection is closing";

// Mail for one connection, which may be gone by the time it arrives.
class ConnectionMail : public reactor::Mail {
 public:
  ConnectionMail(size_t bytes, poll::EndpointId id, Done done)
      : Mail(bytes), id_(id), done_(std::move(done)) {}

  void Deliver(Loop& loop) final RONDO_ON_LOOP {
    if (StreamConnection* connection = loop.streams().Find(id_); connection != nullptr) {
      return Deliver(loop, *connection);
    }
    DeliverGone(loop);
  }
  void Drop(const absl::Status& reason) final {
    if (!done_) return;
    try {
      done_(reason);
    } catch (...) {
      // The loop that would report it has ended, or refuses mail.
    }
  }

 protected:
  virtual void Deliver(Loop& loop, StreamConnection& connection) RONDO_ON_LOOP = 0;
  // The connection has ended, or its end is decided.
  virtual void DeliverGone(Loop& loop) RONDO_ON_LOOP {
    Finish(loop, absl::UnavailableError("the connection has ended"));
  }
  void Finish(Loop& loop, const absl::Status& status) RONDO_ON_LOOP {
    loop.streams().RunDone(TakeDone(), status);
  }
  Done TakeDone() { return std::exchange(done_, nullptr); }

  const poll::EndpointId id_;

 private:
  Done done_;
};

class WriteMail final : public ConnectionMail {
 public:
  WriteMail(size_t bytes, poll::EndpointId id, std::vector<std::string> pieces, Done done)
      : ConnectionMail(sizeof(WriteMail) + pieces.capacity() * sizeof(std::string) + bytes, id,
                       std::move(done)),
        length_(bytes),
        pieces_(std::move(pieces)) {}

 private:
  void Deliver(Loop& loop, StreamConnection& connection) override RONDO_ON_LOOP {
    if (!connection.MayWrite()) {
      return Finish(loop, absl::UnavailableError(kClosing));
    }
    if (!connection.Admits(length_)) {
      return Finish(loop, absl::ResourceExhaustedError(
          "more would wait to be sent than ConnectionOptions::outbound_limit_bytes allows"));
    }
    for (std::string& piece : pieces_) (void)connection.Write(std::move(piece));
    if (Done done = TakeDone(); done) {
      connection.NeedOutbound().NotifyWhenSent(std::move(done));
      connection.Touch();
    }
  }

  const size_t length_;
  std::vector<std::string> pieces_;
};

class WakeMail final : public ConnectionMail {
 public:
  WakeMail(poll::EndpointId id, Done done)
      : ConnectionMail(sizeof(WakeMail), id, std::move(done)) {}

 private:
  void Deliver(Loop& loop, StreamConnection& connection) override RONDO_ON_LOOP {
    const bool woken = loop.streams().Wake(connection);
    Finish(loop, woken ? absl::OkStatus() : absl::UnavailableError(kClosing));
  }
};

class CloseMail final : public ConnectionMail {
 public:
  CloseMail(poll::EndpointId id, Done done)
      : ConnectionMail(sizeof(CloseMail), id, std::move(done)) {}

 private:
  void Deliver(Loop&, StreamConnection& connection) override RONDO_ON_LOOP {
    connection.Close();
    if (Done done = TakeDone(); done) {
      connection.NeedExtras().when_closed.push_back(std::move(done));
    }
  }
  void DeliverGone(Loop& loop) override RONDO_ON_LOOP {
    loop.streams().RunAfterClose(id_, TakeDone());
  }
};

class VisitMail final : public ConnectionMail {
 public:
  VisitMail(poll::EndpointId id, absl::AnyInvocable<void(Connection&)> task)
      : ConnectionMail(sizeof(VisitMail), id, {}), task_(std::move(task)) {}

 private:
  void Deliver(Loop& loop, StreamConnection& connection) override RONDO_ON_LOOP {
    loop.streams().Visit(connection, [this](Connection& visited) { task_(visited); });
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
             std::make_unique<WriteMail>(bytes, poll::EndpointId{slot_, generation_},
                                         std::move(pieces), std::move(done)));
}

void ConnectionHandle::Wake(Done done) const {
  (void)Send(mailbox_.get(), std::make_unique<WakeMail>(poll::EndpointId{slot_, generation_},
                                                        std::move(done)));
}

void ConnectionHandle::Close(Done done) const {
  (void)Send(mailbox_.get(), std::make_unique<CloseMail>(poll::EndpointId{slot_, generation_},
                                                         std::move(done)));
}

bool ConnectionHandle::Post(absl::AnyInvocable<void(Connection&)> task) const {
  return Send(mailbox_.get(), std::make_unique<VisitMail>(poll::EndpointId{slot_, generation_},
                                                          std::move(task)));
}

}  // namespace rondo
