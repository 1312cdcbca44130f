// How connections begin. What may fail comes before OnOpen, after which OnClose is owed.

#include <cerrno>
#include <new>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"

#include "base/check.h"
#include "base/status.h"
#include "stream/connection/connection_text.h"
#include "stream/streams.h"

namespace rondo::stream {

using reactor::LogKind;

bool Streams::Open(UniqueFd socket, const SocketAddress& peer,
                   reactor::HandlerTable::Index handler) {
  if (shared_.generations.used_up()) BeginEra();
  const uint32_t generation = shared_.generations.Next();
  StreamConnection* connection = nullptr;
  if (const int result = Make(socket.get(), generation, peer, handler, &connection); result < 0) {
    meter_.NoteRefused();
    shared_.handlers[handler].transport.Reset(socket.get());
    socket.Reset();
    const ConnectionName name = {{.generation = generation}, shared_.generations.era()};
    LogReset(name.number(), peer, -result);
    return false;
  }
  (void)socket.Release();
  Guard(*connection, [&] {
    base::AssertOnLoop();
    BeginWith(*connection);
  });
  return true;
}

int Streams::Make(int socket, uint32_t generation, const SocketAddress& peer,
                  reactor::HandlerTable::Index handler, StreamConnection** made) {
  StreamConnection* connection = nullptr;
  int result = -ENOMEM;
  try {
    connection = &shared_.table.Create(socket, generation, peer, handler);
    // A loop has room for 2^25 of them, far more than descriptors.
    RONDO_CHECK(connection->id().is_stream());
    if (const buffer::TransformFactory* factory = connection->entry().transform) {
      connection->EnsureRareState().transform = factory->New();
      connection->state.SetSlow();
    }
    if (!shared_.idle.Add(*connection)) {
      const ConnectionOptions& options = connection->options();
      connection->SetIdleTimeout(options.idle_timeout);
      connection->SetReadIdleTimeout(options.read_idle_timeout);
      connection->SetWriteIdleTimeout(options.write_idle_timeout);
    }
    result = poller_.AddStream(connection->ref());
  } catch (const std::bad_alloc&) {
  }
  if (result >= 0) {
    *made = connection;
    return 0;
  }
  if (connection != nullptr) {
    EndTimeouts(*connection);
    shared_.table.Destroy(*connection);
  }
  return result;
}

void Streams::BeginEra() {
  const uint32_t ending = shared_.generations.era();
  shared_.table.ForEach([&](StreamConnection& connection) {
    base::AssertOnLoop();
    Guard(connection, [&] {
      std::optional<uint32_t>& era = connection.EnsureRareState().era;
      if (!era.has_value()) era = ending;
    });
  });
  shared_.generations.BeginEra();
}

void Streams::LogReset(uint64_t id, const SocketAddress& peer, int error) {
  const ConnectionText about(id, peer);
  const auto text = [&] {
    const absl::Status status = base::ErrnoStatus(
        error, absl::StrCat("taking ", base::ToAbsl(about.view())), "the connection was reset");
    return std::string(base::ToStd(status.message()));
  };
  ConnectionText short_text(id);
  short_text.Append(" was reset: there was no memory for it");
  (void)engine_.log().Write(LogKind::kReset, LogSeverity::kError, text, short_text.view());
}

void Streams::BeginWith(StreamConnection& connection) {
  connection.state.Open();
  meter_.NoteOpened();
  CallNamed(connection, "OnOpen",
            [&] { return connection.entry().handler.OnOpen(connection); });
  if (draining_.has_begun()) {
    Draining::Add(connection);
    Draining::NoteUnread(connection);
    EndInputIfDrained(connection);
  }
  ApplyIfPending(connection);
  // A transform may have bytes to send before the peer sends any.
  if (connection.entry().transform != nullptr && connection.state.IsOpen()) {
    DeliverDecoded(connection, {}, buffer::ByteTransform::End::kNo);
    ApplyIfPending(connection);
  }
}

}  // namespace rondo::stream
