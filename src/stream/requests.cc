// What handles and the loop ask of the connections of a loop.

#include <utility>

#include "stream/connection/connection_text.h"
#include "stream/streams.h"

namespace rondo::stream {

using reactor::LogKind;
using reactor::UserCode;

bool Streams::Wake(StreamConnection& connection) {
  if (connection.state.IsClosing() || connection.state.IsAborting()) return false;
  Guard(connection, [&] {
    base::AssertOnLoop();
    const bool was_held = connection.state.IsHeld();
    Offer(connection);
    // It has resumed, has seen all, and may be plain by now: the poller must be told here.
    if (was_held && !connection.state.IsHeld() && !connection.state.IsAbortingOrEnded()) {
      CloseAboveInputLimit(connection);
      UpdateReceiving(connection);
    }
    if (connection.state.HasOutputFailed()) [[unlikely]] EndIfServed(connection);
    ApplyIfPending(connection);
  });
  return true;
}

void Streams::RunTask(StreamConnection& connection, absl::FunctionRef<void(Connection&)> task) {
  Guard(connection, [&] {
    base::AssertOnLoop();
    CallNamed(connection, "a task", [&] {
      task(connection);
      return Action::kNone;
    });
    if (connection.state.HasOutputFailed()) [[unlikely]] EndIfServed(connection);
    ApplyIfPending(connection);
  });
}

void Streams::ForEach(absl::FunctionRef<void(Connection&)> visit) {
  shared_.table.ForEach([&](StreamConnection& connection) {
    if (connection.state.OwesOnClose() && !connection.state.HasEnded()) visit(connection);
  });
}

void Streams::Complete(uint64_t id, ConnectionHandle::Done done, const absl::Status& status) {
  if (!done) return;
  const auto run = [&] {
    shared_.watch.Time("the callback of a write", [id] { return ConnectionText(id); },
                       [&] { done(status); });
  };
  UserCode::Run(run, [&] {
    const ConnectionText about(id);
    (void)UserCode::ReportThrown(engine_, LogKind::kDone, "the callback of a write", about.view());
  });
  if (shared_.lent_memory.must_end) EndLentMemory();
}

}  // namespace rondo::stream
