// Memory: an allocation that fails ends at most the endpoint that it was for, and what a poller
// holds for its endpoints is bounded.

#include <cerrno>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "tests/contract/contract_test.h"
#include "tests/contract/sockets.h"
#include "tests/kernel/faulty_sys.h"
#include "tests/process/allocator.h"
#include "tests/process/requirements.h"

namespace rondo::poll {
namespace {

using ::testing::ElementsAre;
using testing::Call;
using testing::FaultySys;
using testing::NoMemory;

class MemoryTest : public ContractTest {
 protected:
  static constexpr size_t kMessageBytes = 4000;
  static constexpr size_t kFloodBytes = 2 << 20;

  // A connection that can note what happens to it without memory of its own.
  std::pair<Probe*, UniqueFd> AddWithRoom() {
    auto [probe, peer] = AddConnected();
    probe->received.reserve(2 * kFloodBytes);
    probe->errors.reserve(4);
    return {probe, std::move(peer)};
  }

  // Turns while no memory can be allocated, until `done` or for a while.
  template <class Done>
  bool RunWithoutMemory(Done done) {
    for (int i = 0; i < 200 && !done(); ++i) {
      const NoMemory no_memory;
      Turn(kShort);
    }
    return done();
  }

  // Whether the request was carried out; it was not when there is no memory for it.
  template <class Request>
  static bool WithoutMemory(Request request) {
    const NoMemory no_memory;
    try {
      request();
      return true;
    } catch (const std::bad_alloc&) {
      return false;
    }
  }

  static void ExpectNoMemory(const Probe& probe) { EXPECT_THAT(probe.errors, ElementsAre(ENOMEM)); }
};

INSTANTIATE_TEST_SUITE_P(Every, MemoryTest, ::testing::ValuesIn(Backends()),
                         [](const auto& info) { return info.param.name; });

// --- Allocations that fail.

TEST_P(MemoryTest, AStreamThatHasHadItsShareGoesOnWithoutMemoryOrFails) {
  auto [flooded, flooder] = AddWithRoom();
  auto [quiet, peer] = AddWithRoom();
  const std::string flood = Pattern(kFloodBytes);
  size_t written = 0;
  const bool all = RunWithoutMemory([&, flooded = flooded, &flooder = flooder] {
    written += WriteSome(flooder.get(), std::string_view(flood).substr(written));
    return flooded->received.size() == flood.size() || !flooded->errors.empty();
  });
  EXPECT_TRUE(all);
  if (flooded->errors.empty()) {
    EXPECT_TRUE(flooded->received == flood);
  } else {
    ExpectNoMemory(*flooded);
  }
  WriteAll(peer.get(), "quiet");
  EXPECT_TRUE(RunWithoutMemory([quiet = quiet] { return quiet->received == "quiet"; }));
}

TEST_P(MemoryTest, WhatComesDuringAPauseWithoutMemoryIsKeptOrFailsItsStream) {
  auto [paused, flooder] = AddWithRoom();
  auto [quiet, peer] = AddWithRoom();
  // The receive has begun.
  WriteAll(flooder.get(), "x");
  EXPECT_TRUE(RunUntil([paused = paused] { return paused->received == "x"; }));
  Pause(*paused);
  const std::string message = Pattern(kMessageBytes);
  WriteAll(flooder.get(), message);
  WriteAll(peer.get(), "quiet");
  EXPECT_TRUE(RunWithoutMemory([quiet = quiet] { return quiet->received == "quiet"; }));
  RunWithoutMemory([paused = paused] { return !paused->errors.empty(); });
  if (!paused->errors.empty()) return ExpectNoMemory(*paused);
  Resume(*paused);
  EXPECT_TRUE(RunUntil([&, paused = paused] { return paused->received == "x" + message; }));
}

TEST_P(MemoryTest, WhatCameDuringAPauseIsDeliveredWithoutMemoryOrTheStreamFails) {
  auto [paused, peer] = AddWithRoom();
  WriteAll(peer.get(), "x");
  EXPECT_TRUE(RunUntil([paused = paused] { return paused->received == "x"; }));
  Pause(*paused);
  const std::string message = Pattern(2 * kReadBufferBytes);
  WriteAll(peer.get(), message);
  DeliverEverything();
  if (!WithoutMemory([this, paused = paused] { Resume(*paused); })) return Close(*paused);
  RunWithoutMemory([&, paused = paused] {
    return paused->received.size() == 1 + message.size() || !paused->errors.empty();
  });
  if (!paused->errors.empty()) return ExpectNoMemory(*paused);
  EXPECT_TRUE(paused->received == "x" + message);
}

TEST_P(MemoryTest, ARequestWithoutMemoryIsCarriedOutOrRefusedAndTheEndpointCanBeClosed) {
  auto [quiet, peer] = AddWithRoom();
  auto [ours, theirs] = ConnectedSockets();
  Probe& other = AddOther(std::move(ours), {});
  bool all = true;
  std::vector<Probe*> streams;
  std::vector<UniqueFd> peers;
  for (int i = 0; i < 20; ++i) {
    auto [stream, end] = AddConnected();
    Pause(*stream);
    WriteAll(end.get(), "bytes");
    streams.push_back(stream);
    peers.push_back(std::move(end));
  }
  DeliverEverything();
  for (Probe* const stream : streams) {
    all &= WithoutMemory([&] { Resume(*stream); });
  }
  all &= WithoutMemory([&] { SetInterest(other, {.readable = true, .writable = true}); });
  {
    // Closing is no request that may be refused; the rest of the test's Close allocates.
    base::AssertOnLoop();
    for (Probe* const stream : streams) stream->received.reserve(100);
  }
  for (Probe* const stream : streams) Close(*stream);
  Close(other);
  WriteAll(peer.get(), "quiet");
  EXPECT_TRUE(RunWithoutMemory([quiet = quiet] { return quiet->received == "quiet"; }));
  ::testing::Test::RecordProperty("all_carried_out", all);
}

TEST_P(MemoryTest, SendingNeedsNoMemory) {
  auto [probe, peer] = AddWithRoom();
  SendAsWhenBusy();
  probe->queue.Append(Pattern(kMessageBytes));
  probe->outbound = &probe->queue;
  FaultySys kernel;
  kernel.Fail(Call::kMapMemory, ENOMEM);
  int result = -1;
  EXPECT_TRUE(WithoutMemory([&, probe = probe] {
    base::AssertOnLoop();
    result = poller().Send(probe->ref());
  }));
  EXPECT_EQ(result, 0);
  std::string arrived;
  EXPECT_TRUE(RunUntil([&, probe = probe, &peer = peer] {
    arrived += ReadSome(peer.get());
    return arrived.size() == kMessageBytes && probe->queue.empty();
  }));
  EXPECT_TRUE(arrived == Pattern(kMessageBytes));
  EXPECT_THAT(probe->errors, ElementsAre());
}

// --- Bounds.

TEST_P(MemoryTest, CopiesOfWhatIsSentInlineAreBoundedInNumber) {
  constexpr size_t kStreams = 1500;
  RONDO_NEEDS(Descriptors(2 * kStreams));
  std::vector<std::pair<Probe*, UniqueFd>> streams;
  for (size_t i = 0; i < kStreams; ++i) streams.push_back(AddConnected());
  Turn();
  SendAsWhenBusy();
  FaultySys kernel;
  for (const auto& [probe, peer] : streams) EXPECT_EQ(SendInline(*probe, {"hello"}), 5);
  // Each copy takes a page or two.
  EXPECT_LE(kernel.count(Call::kMapMemory), 512);
  size_t arrived = 0;
  EXPECT_TRUE(RunUntil([&] {
    for (const auto& [probe, peer] : streams) arrived += ReadSome(peer.get()).size();
    return arrived == 5 * kStreams;
  }));
  EXPECT_TRUE(RunUntil([&] { return !streams.back().first->has_output(); }));
}

TEST_P(MemoryTest, QueuesThatAreSentBeyondThatNumberArriveInOrder) {
  constexpr size_t kStreams = 700;
  RONDO_NEEDS(Descriptors(2 * kStreams));
  const std::string message = Pattern(60'000);
  std::vector<std::pair<Probe*, UniqueFd>> streams;
  for (size_t i = 0; i < kStreams; ++i) {
    streams.push_back(AddConnected());
    ShrinkSendBuffer(streams.back().first->socket);
  }
  Turn();
  FaultySys kernel;
  for (const auto& [probe, peer] : streams) EXPECT_EQ(Send(*probe, message), 0);
  EXPECT_LE(kernel.count(Call::kMapMemory), 512);
  std::vector<std::string> arrived(kStreams);
  EXPECT_TRUE(RunUntil([&] {
    size_t complete = 0;
    for (size_t i = 0; i < kStreams; ++i) {
      arrived[i] += ReadSome(streams[i].second.get());
      complete += arrived[i].size() == message.size();
    }
    return complete == kStreams;
  }));
  for (const std::string& each : arrived) EXPECT_TRUE(each == message);
}

TEST_P(MemoryTest, WhatComesDuringAPauseIsBoundedAndCounted) {
  // Twice what a receive brings before the poller hears of it (66 KiB), and some.
  constexpr size_t kMostBytes = 160 << 10;
  auto [probe, peer] = AddConnected();
  WriteAll(peer.get(), "x");
  EXPECT_TRUE(RunUntil([probe = probe] { return probe->received == "x"; }));
  const std::string flood = Pattern(kFloodBytes);
  size_t written = 0;
  base::AssertOnLoop();
  const size_t before = poller().held_bytes();
  EXPECT_GE(before, kReadBufferBytes);
  bool counts = false;
  bool holds = false;
  Pause(*probe);
  for (int i = 0; i < 100; ++i) {
    written += WriteSome(peer.get(), std::string_view(flood).substr(written));
    Turn();
    size_t held = 0;
    poller().ForEachUndelivered([&](EndpointId, size_t bytes) { held += bytes; });
    ASSERT_LE(held, kMostBytes);
    holds |= held > 0;
    counts |= poller().held_bytes() > before;
  }
  EXPECT_EQ(counts, holds);
  Resume(*probe);
  EXPECT_TRUE(RunUntil([&, probe = probe, &peer = peer] {
    written += WriteSome(peer.get(), std::string_view(flood).substr(written));
    return probe->received.size() == 1 + flood.size();
  }));
  EXPECT_TRUE(probe->received == "x" + flood);
  EXPECT_EQ(poller().held_bytes(), before);
}

}  // namespace
}  // namespace rondo::poll
