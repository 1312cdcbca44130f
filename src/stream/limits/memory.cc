// What Streams does while the buffers of the engine hold more than Options::memory_limit_bytes.
//
// A connection that holds more than its fair share is not read from, from the moment at which its
// buffers grow until it holds no more than that: one that holds much and does not grow need not be
// paused. What it has queued is still sent, its timeouts and its handler act, and when the limit is
// no longer passed all go on.
//
// But some cannot let go of anything: their peers do not read, or their handlers wait for the rest
// of a frame. So when the limit stays passed for long, those that hold the most end: also where
// none has more than its share, since then all of them together may hold the limit up.

#include <algorithm>

#include "absl/strings/str_cat.h"

#include "stream/streams.h"

namespace rondo::stream {
namespace {

using reactor::Tick;

// How long the limit may be passed before connections end; how often it is looked at, and so how
// soon the next one ends.
constexpr Tick kPatience = 10'000;
constexpr Tick kLook = 100;

}  // namespace

Streams::MemoryTimer::MemoryTimer(Streams& streams)
    : Timer([](Timer& timer) {
        base::AssertOnLoop();
        static_cast<MemoryTimer&>(timer).streams.LookAtMemory();
      }),
      streams(streams) {}

size_t Streams::HeldBytes(StreamConnection& connection) const {
  const size_t queued = connection.outbound != nullptr ? connection.outbound->held_bytes() : 0;
  return connection.inbound.capacity() + queued + poller_.HeldInput(connection.ref());
}

void Streams::HoldAboveShare(StreamConnection& connection) {
  if (draining_.has_begun() || connection.IsHeldForMemory()) return;
  if (connection.state.IsClosing() || connection.state.IsAbortingOrEnded()) return;
  if (HeldBytes(connection) <= memory_->FairShare()) return;
  connection.EnsureRareState().is_held_for_memory = true;
  UpdateReceiving(connection);
}

void Streams::OnMemoryLimit() {
  if (memory_->is_passed() && !draining_.has_begun()) {
    if (!memory_timer_.scheduled()) {
      memory_timer_.passed_since = reactor::Clock::Current();
      shared_.clock.Start(memory_timer_, memory_timer_.passed_since + kLook);
    }
    return;
  }
  EndMemoryHolds();
}

void Streams::EndMemoryHolds() {
  shared_.clock.Cancel(memory_timer_);
  shared_.table.ForEach([&](StreamConnection& connection) {
    base::AssertOnLoop();
    if (connection.IsHeldForMemory()) EndMemoryHold(connection);
  });
}

void Streams::EndMemoryHold(StreamConnection& connection) {
  connection.rare->is_held_for_memory = false;
  if (connection.state.IsAbortingOrEnded()) return;
  Guard(connection, [&] {
    base::AssertOnLoop();
    UpdateReceiving(connection);
  });
}

void Streams::LookAtMemory() {
  // The signal that says so is on its way.
  if (!memory_->is_passed()) return;
  const Tick now = reactor::Clock::Current();
  const bool must_end = now - memory_timer_.passed_since >= kPatience;
  const size_t share = memory_->FairShare();
  StreamConnection* largest = nullptr;
  // What holds less than that frees little.
  size_t most = share / 2;
  shared_.table.ForEach([&](StreamConnection& connection) {
    base::AssertOnLoop();
    if (connection.state.IsAbortingOrEnded()) return;
    if (!must_end && !connection.IsHeldForMemory()) return;
    const size_t held = HeldBytes(connection);
    if (connection.IsHeldForMemory() && held <= share) EndMemoryHold(connection);
    if (!must_end || held <= most) return;
    most = held;
    largest = &connection;
  });
  if (largest != nullptr) {
    largest->SetReason([&] {
      return absl::ResourceExhaustedError(
          absl::StrCat(most, " bytes are held for ", largest->peer().ToString(),
                       ", and all buffers have held more than Options::memory_limit_bytes, ",
                       memory_->limit(), ", for too long"));
    });
    largest->Abort();
  }
  shared_.clock.Start(memory_timer_, now + kLook);
}

}  // namespace rondo::stream
