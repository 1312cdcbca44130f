#include "tests/contract/contract_test.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "sys/sys.h"
#include "tests/contract/sockets.h"
#include "tests/process/requirements.h"

namespace rondo::poll {

INSTANTIATE_TEST_SUITE_P(Every, ContractTest, ::testing::ValuesIn(Backends()),
                         [](const auto& info) { return info.param.name; });

void ContractTest::SetUp() {
  base::AssertOnLoop();
  auto waker = Waker::New();
  ASSERT_TRUE(waker.ok()) << waker.status();
  waker_ = *std::move(waker);
  if (GetParam().may_be_missing) RONDO_NEEDS(IoUring());
  const absl::Status status = rondo::testing::WhenThereIsMemory([this] {
    auto made = GetParam().make(kReadBufferBytes, waker_);
    if (made.ok()) poller_ = *std::move(made);
    return made.status();
  });
  ASSERT_EQ(status, absl::OkStatus());
}

void ContractTest::TearDown() {
  while (!probes_.empty()) Close(*probes_.begin()->second);
  EXPECT_TRUE(RunUntil([&] { return releasing_.empty(); }));
}

// --- What a loop would do.

Probe& ContractTest::Insert(EndpointKind kind, uint32_t index, UniqueFd socket) {
  auto probe =
      std::make_unique<Probe>(socket.Release(), kind, index, ++last_generation_, chunks_);
  Probe& added = *probe;
  probes_[added.id().Pack()] = std::move(probe);
  return added;
}

Probe& ContractTest::AddInSlot(uint32_t slot, UniqueFd socket) {
  base::AssertOnLoop();
  Probe& probe = Insert(EndpointKind::kStream, slot, std::move(socket));
  EXPECT_EQ(poller_->AddStream(probe.ref()), 0);
  return probe;
}

Probe& ContractTest::Add(UniqueFd socket) { return AddInSlot(next_slot_++, std::move(socket)); }

Probe* ContractTest::TryToAdd(UniqueFd socket) {
  base::AssertOnLoop();
  Probe& probe = Insert(EndpointKind::kStream, next_slot_++, std::move(socket));
  if (poller_->AddStream(probe.ref()) == 0) return &probe;
  const UniqueFd owned(probe.socket);
  probes_.erase(probe.id().Pack());
  return nullptr;
}

Probe& ContractTest::AddOther(UniqueFd descriptor, Readiness interest, EndpointKind kind) {
  base::AssertOnLoop();
  Probe& probe = Insert(kind, next_slot_++, std::move(descriptor));
  probe.paused = interest == Readiness();
  EXPECT_EQ(poller_->Add(probe.ref(), interest), 0);
  return probe;
}

Probe& ContractTest::AddListener(UniqueFd socket) {
  constexpr int kAcceptsPerTurn = 64;
  Probe& probe = AddOther(std::move(socket), {.readable = true}, EndpointKind::kListener);
  probe.on_ready = [&probe](Readiness) {
    for (int i = 0; i < kAcceptsPerTurn; ++i) {
      UniqueFd accepted(sys::Accept(probe.socket, nullptr, nullptr));
      if (!accepted) return More::kNo;
      probe.accepted.push_back(std::move(accepted));
    }
    return More::kYes;
  };
  return probe;
}

std::pair<Probe*, UniqueFd> ContractTest::AddConnected() {
  auto [ours, peers] = ConnectedSockets();
  return {&Add(std::move(ours)), std::move(peers)};
}

std::pair<Probe*, UniqueFd> ContractTest::AddPausedBefore() {
  auto [probe, peer] = AddConnected();
  Pause(*probe);
  WriteAll(peer.get(), Pattern(4000));
  DeliverEverything();
  Resume(*probe);
  EXPECT_TRUE(RunUntil([probe = probe] { return probe->received.size() == 4000; }));
  WriteAll(peer.get(), Pattern(4000));
  EXPECT_TRUE(RunUntil([probe = probe] { return probe->received.size() == 8000; }));
  DeliverEverything();
  probe->received.clear();
  return {probe, std::move(peer)};
}

std::pair<Probe*, UniqueFd> ContractTest::AddAfterLargeMessages() {
  auto [probe, peer] = AddConnected();
  WriteAll(peer.get(), Pattern(40'000));
  EXPECT_TRUE(RunUntil([probe = probe] { return probe->received.size() == 40'000; }));
  DeliverEverything();
  probe->received.clear();
  return {probe, std::move(peer)};
}

void ContractTest::SendAsWhenBusy() {
  auto [spender, peer] = AddConnected();
  for (int i = 0; i < 8 && !spender->sending; ++i) EXPECT_EQ(SendInline(*spender, {"x"}), 1);
  Close(*spender);
}

void ContractTest::Close(Probe& probe) {
  base::AssertOnLoop();
  auto node = probes_.extract(probe.id().Pack());
  ASSERT_FALSE(node.empty());
  if (poller_->Close(probe.ref())) {
    probe.queue.Clear();
  } else {
    EXPECT_TRUE(probe.id().is_stream()) << "the kernel holds memory of what is no stream";
    releasing_[&probe] = std::move(node.mapped());
  }
}

UniqueFd ContractTest::Forget(Probe& probe) {
  base::AssertOnLoop();
  poller_->Forget(probe.ref());
  UniqueFd descriptor(probe.socket);
  probes_.erase(probe.id().Pack());
  return descriptor;
}

void ContractTest::SetInterest(Probe& probe, Readiness interest) {
  base::AssertOnLoop();
  probe.paused = interest == Readiness();
  poller_->SetInterest(probe.ref(), interest);
}

void ContractTest::Pause(Probe& probe) {
  base::AssertOnLoop();
  probe.paused = true;
  poller_->PauseReceiving(probe.ref());
}

void ContractTest::Resume(Probe& probe) {
  base::AssertOnLoop();
  probe.paused = false;
  poller_->ResumeReceiving(probe.ref());
}

int ContractTest::Send(Probe& probe, std::string_view bytes) {
  probe.queue.Append(bytes);
  return Send(probe);
}

int ContractTest::Send(Probe& probe) {
  base::AssertOnLoop();
  probe.outbound = &probe.queue;
  const int result = poller_->Send(probe.ref());
  if (probe.queue.empty()) probe.outbound = nullptr;
  return result;
}

ssize_t ContractTest::SendInline(Probe& probe, const std::vector<std::string_view>& pieces) {
  base::AssertOnLoop();
  std::vector<iovec> vectors;
  for (const std::string_view piece : pieces) {
    vectors.push_back({const_cast<char*>(piece.data()), piece.size()});
  }
  const ssize_t sent = poller_->SendInline(probe.ref(), vectors.data(), vectors.size());
  size_t taken = sent < 0 ? 0 : static_cast<size_t>(sent);
  for (std::string_view piece : pieces) {
    const size_t skipped = std::min(taken, piece.size());
    taken -= skipped;
    probe.queue.Append(piece.substr(skipped));
  }
  if (sent < 0) {
    probe.queue.Clear();
  } else if (!probe.queue.empty()) {
    EXPECT_EQ(Send(probe), 0);
  }
  return sent;
}

// --- Time.

void ContractTest::Turn(int64_t timeout_ns) {
  base::AssertOnLoop();
  returns_in_turn_ = 0;
  events_in_turn = 0;
  bytes_in_turn = 0;
  in_wait_ = true;
  poller_->Wait(timeout_ns, *this);
  in_wait_ = false;
  EXPECT_EQ(returns_in_turn_, 1);
}

::testing::AssertionResult ContractTest::RunUntil(const std::function<bool()>& done,
                                                  int64_t each_wait) {
  const int64_t give_up = sys::Now() + kForever;
  while (!done()) {
    if (sys::Now() >= give_up) return ::testing::AssertionFailure() << "it never happened";
    Turn(each_wait);
  }
  return ::testing::AssertionSuccess();
}

::testing::AssertionResult ContractTest::FallsQuiet() {
  // A full socket may take megabytes first, a bounded piece in each.
  constexpr int kTurns = 100;
  constexpr int64_t kTimeout = 5'000'000;
  for (int i = 0; i < kTurns; ++i) {
    const int64_t start = sys::Now();
    Turn(kTimeout);
    if (events_in_turn == 0 && sys::Now() - start >= kTimeout) {
      return ::testing::AssertionSuccess();
    }
  }
  return ::testing::AssertionFailure() << "no Wait of " << kTurns << " ran to its timeout";
}

void ContractTest::DeliverEverything() {
  auto [fence, peer] = AddConnected();
  WriteAll(peer.get(), "fence");
  EXPECT_TRUE(RunUntil([&, fence = fence] { return fence->received == "fence"; }));
  Close(*fence);
  for (int i = 0; i < 4; ++i) Turn();
}

// --- What the poller delivers. A hook is copied, since it may destroy the probe that holds it.

Probe& ContractTest::Seen(EndpointRef ref) {
  auto& probe = static_cast<Probe&>(ref.endpoint);
  EXPECT_EQ(probe.id(), ref.id);
  EXPECT_TRUE(in_wait_) << "an event outside Wait";
  EXPECT_EQ(returns_in_turn_, 1) << "an event before OnWaitReturned";
  EXPECT_TRUE(IsOpen(probe.id())) << "an event for an endpoint that is gone";
  EXPECT_TRUE(probe.errors.empty()) << "an event after a failure";
  ++events_in_turn;
  return probe;
}

void ContractTest::OnWaitReturned() {
  EXPECT_TRUE(in_wait_);
  ++returns_in_turn_;
}

Endpoint* ContractTest::Find(EndpointId id) {
  const auto found = probes_.find(id.Pack());
  if (found != probes_.end()) return found->second.get();
  for (const auto& [endpoint, probe] : releasing_) {
    if (probe->id().Pack() == id.Pack()) return endpoint;
  }
  return nullptr;
}

More ContractTest::OnReady(EndpointRef ref, Readiness ready) {
  Probe& probe = Seen(ref);
  EXPECT_FALSE(ref.id.is_stream());
  EXPECT_TRUE(ready.readable || ready.writable);
  EXPECT_FALSE(probe.paused) << "ready, and interested in nothing";
  probe.readies.push_back(ready);
  const auto hook = probe.on_ready;
  return hook ? hook(ready) : More::kNo;
}

void ContractTest::OnReceived(EndpointRef ref, std::string_view bytes) {
  Probe& probe = Seen(ref);
  EXPECT_FALSE(bytes.empty());
  EXPECT_FALSE(probe.paused) << "bytes while paused";
  EXPECT_EQ(probe.ends, 0) << "bytes after their end";
  probe.received.append(bytes);
  ++probe.receives;
  bytes_in_turn += bytes.size();
  if (const auto hook = probe.on_received) hook(bytes);
  // As a codec may that works in place: a poller does not look at them again.
  std::memset(const_cast<char*>(bytes.data()), '#', bytes.size());
}

void ContractTest::OnReceiveEnd(EndpointRef ref) {
  Probe& probe = Seen(ref);
  EXPECT_FALSE(probe.paused) << "the end while paused";
  EXPECT_EQ(++probe.ends, 1);
  if (const auto hook = probe.on_end) hook();
}

void ContractTest::OnSent(EndpointRef ref) {
  Probe& probe = Seen(ref);
  EXPECT_TRUE(probe.send_errors.empty()) << "sent after a failure";
  ++probe.sents;
  if (probe.queue.empty()) probe.outbound = nullptr;
  if (const auto hook = probe.on_sent) hook();
}

void ContractTest::OnSendFailed(EndpointRef ref, const char* call, int error) {
  Probe& probe = Seen(ref);
  EXPECT_NE(std::string_view(call), "");
  EXPECT_GT(error, 0);
  EXPECT_TRUE(probe.send_errors.empty()) << "told twice";
  probe.send_errors.push_back(error);
}

void ContractTest::OnFailed(EndpointRef ref, const char* call, int error) {
  Probe& probe = Seen(ref);
  EXPECT_NE(std::string_view(call), "");
  EXPECT_GT(error, 0);
  probe.errors.push_back(error);
  if (const auto hook = probe.on_failed) hook();
}

void ContractTest::OnReleased(EndpointRef ref) {
  EXPECT_TRUE(in_wait_);
  const auto found = releasing_.find(&ref.endpoint);
  ASSERT_NE(found, releasing_.end()) << "released twice, or what was not waiting for it";
  found->second->queue.Clear();
  releasing_.erase(found);
}

}  // namespace rondo::poll
