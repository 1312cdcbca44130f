#include "stream/offload/offloading.h"

#include <cerrno>
#include <new>
#include <utility>

#include "absl/status/status.h"

namespace rondo::stream {

WriteResult Offloading::Offload(StreamConnection& connection, std::unique_ptr<OffloadedWork> work,
                                OffloadOrder order) {
  if (!connection.state.AcceptsWrites()) return WriteResult::kRefused;
  try {
    if (work != nullptr) return Begin(connection, std::move(work), order);
  } catch (const std::bad_alloc&) {
  }
  connection.Fail("offloading for", ENOMEM);
  return WriteResult::kRefused;
}

WriteResult Offloading::Begin(StreamConnection& connection, std::unique_ptr<OffloadedWork> work,
                              OffloadOrder order) {
  if (!offloader_.has_workers()) {
    connection.CloseBecause(absl::FailedPreconditionError(
        "Connection::Offload needs a worker pool: set Options::workers"));
    return WriteResult::kRefused;
  }
  std::unique_ptr<Offloads>& offloads = connection.EnsureRareState().offloads;
  if (offloads == nullptr) offloads = std::make_unique<Offloads>();
  const size_t limit = connection.options().offloads;
  if (offloads->under_way() >= limit) return WriteResult::kRefused;
  std::unique_ptr<OffloadedWork> first = offloads->Begin(std::move(work), order);
  if (first != nullptr && !Submit(connection, first)) {
    offloads->TakeBack(std::move(first));
    return WriteResult::kRefused;
  }
  if (offloads->under_way() >= limit) {
    connection.state.SetBacklogged();
    pending_.Mark(connection);
  }
  return connection.state.IsBacklogged() ? WriteResult::kAboveHighWater : WriteResult::kOk;
}

bool Offloading::Submit(StreamConnection& connection, std::unique_ptr<OffloadedWork>& work) {
  const ConnectionName name = connection.name();
  if (offloader_.Submit(name.id, name.era, work)) return true;
  connection.CloseBecause(absl::CancelledError("the worker pool was stopped"));
  return false;
}

void Offloading::SubmitWaiting(StreamConnection& connection,
                               std::unique_ptr<OffloadedWork> work) {
  if (!Submit(connection, work)) connection.rare->offloads->GiveUp();
}

bool Offloading::HasDrained(const StreamConnection& connection) {
  if (!connection.is_offloading()) return true;
  return connection.rare->offloads->under_way() <= connection.options().offloads / 2;
}

}  // namespace rondo::stream
