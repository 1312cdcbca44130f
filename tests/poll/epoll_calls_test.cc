// Which calls the epoll backend makes, and how often; what it delivers is in tests/contract.

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <limits>
#include <memory>
#include <string>
#include <string_view>

#include "rondo/unique_fd.h"

#include "base/check.h"
#include "base/on_loop.h"
#include "base/status.h"
#include "buffer/chunk_pool.h"
#include "buffer/outbound_queue.h"
#include "gtest/gtest.h"
#include "poll/new_poller.h"
#include "poll/poller.h"
#include "poll/waker.h"
#include "tests/kernel/faulty_sys.h"

namespace rondo::poll {
namespace {

using rondo::testing::Call;
using rondo::testing::FaultySys;

constexpr EndpointId kId = EndpointId::Of(EndpointKind::kStream, 5, 1);
constexpr size_t kUnlimited = std::numeric_limits<size_t>::max();

struct Probe final : Endpoint {
  explicit Probe(int socket) : Endpoint(socket, 1) {}
};

// A poller with one connection, and the other end of it.
class EpollCallsTest : public ::testing::Test, private Events {
 protected:
  EpollCallsTest() {
    base::AssertOnLoop();
    int pair[2];
    RONDO_CHECK(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) == 0);
    peer_.Reset(pair[1]);
    probe_ = std::make_unique<Probe>(pair[0]);
    poller_ = *NewEpollPoller(64 << 10, *Waker::New());
    RONDO_CHECK(poller_->AddStream(ref()) == 0);
  }
  ~EpollCallsTest() override {
    base::AssertOnLoop();
    EXPECT_TRUE(poller_->Close(ref()));
  }

  // Delivers what there is.
  void Wait() {
    base::AssertOnLoop();
    poller_->Wait(0, *this);
  }
  void Pause() {
    base::AssertOnLoop();
    poller_->PauseReceiving(ref());
  }
  void Resume() {
    base::AssertOnLoop();
    poller_->ResumeReceiving(ref());
  }
  int Send() {
    base::AssertOnLoop();
    probe_->outbound = &queue_;
    return poller_->Send(ref());
  }
  // As a connection does: what the socket did not take is queued.
  ssize_t SendInline(std::string_view first, std::string_view second) {
    base::AssertOnLoop();
    const std::array<iovec, 2> pieces = {{{const_cast<char*>(first.data()), first.size()},
                                          {const_cast<char*>(second.data()), second.size()}}};
    const ssize_t sent = poller_->SendInline(ref(), pieces.data(), pieces.size());
    RONDO_CHECK(sent >= 0);
    const std::string all = std::string(first) + std::string(second);
    if (static_cast<size_t>(sent) < all.size()) {
      queue_.Append(std::string_view(all).substr(static_cast<size_t>(sent)));
      probe_->outbound = &queue_;
    }
    return sent;
  }
  void PeerWrites(std::string_view bytes) {
    EXPECT_EQ(::write(peer_.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  }
  std::string PeerReads() {
    std::string bytes(64 << 10, '\0');
    const ssize_t count = ::read(peer_.get(), bytes.data(), bytes.size());
    bytes.resize(count > 0 ? static_cast<size_t>(count) : 0);
    return bytes;
  }

  std::string received_;

 private:
  void OnWaitReturned() override {}
  Endpoint* Find(EndpointId id) override { return id == kId ? probe_.get() : nullptr; }
  More OnReady(EndpointRef, Readiness) override {
    ADD_FAILURE();
    return More::kNo;
  }
  void OnReceived(EndpointRef, std::string_view bytes) override { received_ += bytes; }
  void OnReceiveEnd(EndpointRef) override { ADD_FAILURE(); }
  void OnSent(EndpointRef) override {
    if (queue_.empty()) probe_->outbound = nullptr;
  }
  void OnSendFailed(EndpointRef, const char*, int) override { ADD_FAILURE(); }
  void OnFailed(EndpointRef, const char*, int) override { ADD_FAILURE(); }
  void OnReleased(EndpointRef) override { ADD_FAILURE(); }

  EndpointRef ref() { return {*probe_, kId}; }

  UniqueFd peer_;
  buffer::ChunkPool pool_;

 protected:
  buffer::OutboundQueue queue_{pool_};
  std::unique_ptr<Probe> probe_;
  std::unique_ptr<Poller> poller_;
};

TEST_F(EpollCallsTest, AMessageCostsOneWaitAndOneReceiveAndNoProbeForMore) {
  const FaultySys kernel;
  for (int i = 0; i < 100; ++i) {
    PeerWrites("ping");
    Wait();
  }
  EXPECT_EQ(received_.size(), 400u);
  EXPECT_EQ(kernel.count(Call::kEpollWait), 100);
  EXPECT_EQ(kernel.count(Call::kReceive), 100);
  EXPECT_EQ(kernel.count(Call::kEpollControl), 0);
}

TEST_F(EpollCallsTest, APauseBetweenTwoArrivalsCostsNothing) {
  const FaultySys kernel;
  for (int i = 0; i < 10; ++i) {
    Pause();
    Wait();
    Resume();
    PeerWrites("ping");
    Wait();
  }
  EXPECT_EQ(received_.size(), 40u);
  EXPECT_EQ(kernel.count(Call::kEpollControl), 0);
}

TEST_F(EpollCallsTest, BytesThatArriveDuringAPauseTakeTheInterestBackOnce) {
  const FaultySys kernel;
  Pause();
  PeerWrites("ping");
  for (int i = 0; i < 10; ++i) Wait();
  EXPECT_EQ(kernel.count(Call::kEpollControl), 1);
  EXPECT_EQ(kernel.count(Call::kReceive), 0);
  Resume();
  Wait();
  EXPECT_EQ(received_, "ping");
  EXPECT_EQ(kernel.count(Call::kEpollControl), 2);
}

TEST_F(EpollCallsTest, WritabilityIsWatchedOnlyWhileOutputWaits) {
  FaultySys kernel;
  queue_.Append(std::string_view("all of it at once"));
  EXPECT_EQ(Send(), 0);
  EXPECT_EQ(kernel.count(Call::kEpollControl), 0);
  EXPECT_EQ(PeerReads(), "all of it at once");

  kernel.Fail(Call::kSend, EAGAIN, 1);
  queue_.Append(std::string_view("later"));
  EXPECT_EQ(Send(), 0);
  EXPECT_EQ(kernel.count(Call::kEpollControl), 1);
  Wait();
  EXPECT_EQ(PeerReads(), "later");
  EXPECT_EQ(kernel.count(Call::kEpollControl), 2);
  const auto sends = kernel.count(Call::kSend);
  for (int i = 0; i < 10; ++i) Wait();
  EXPECT_EQ(kernel.count(Call::kSend), sends);
  EXPECT_EQ(kernel.count(Call::kEpollControl), 2);
}

TEST_F(EpollCallsTest, OutputThatWaitsIsNotTriedAgainByEverySend) {
  FaultySys kernel;
  kernel.Fail(Call::kSend, EAGAIN);
  queue_.Append(std::string_view("later"));
  for (int i = 0; i < 10; ++i) EXPECT_EQ(Send(), 0);
  EXPECT_EQ(kernel.count(Call::kSend), 1);
  kernel.Fail(Call::kSend, 0, 0);
  Wait();
  EXPECT_EQ(PeerReads(), "later");
}

TEST_F(EpollCallsTest, AQueueThatIsSentInPiecesOfAnyLengthArrivesWhole) {
  FaultySys kernel;
  for (size_t most = 1; most <= 20; ++most) {
    for (const Call call : {Call::kSend, Call::kSendMessage}) kernel.Shorten(call, most);
    queue_.Append(std::string_view("one chunk"));
    queue_.Append(std::string(5000, 'x'));
    EXPECT_EQ(Send(), 0);
    std::string arrived = PeerReads();
    for (int i = 0; i < 6000 && !queue_.empty(); ++i) {
      Wait();
      arrived += PeerReads();
    }
    EXPECT_TRUE(arrived == "one chunk" + std::string(5000, 'x')) << arrived.size() << " arrived";
    kernel.Shorten(Call::kSend, kUnlimited);
    kernel.Shorten(Call::kSendMessage, kUnlimited);
  }
}

TEST_F(EpollCallsTest, WhatAnInlineSendLeavesIsSentWhereverItWasCut) {
  const std::string_view header = "header", body = "the body of it";
  FaultySys kernel;
  for (size_t taken = 1; taken < header.size() + body.size(); ++taken) {
    kernel.Shorten(Call::kSendMessage, taken);
    EXPECT_EQ(SendInline(header, body), static_cast<ssize_t>(taken));
    kernel.Shorten(Call::kSendMessage, kUnlimited);
    Wait();
    EXPECT_EQ(PeerReads(), "headerthe body of it") << "the socket took " << taken;
    EXPECT_TRUE(queue_.empty());
    if (!queue_.empty()) queue_.Consume(header.size() + body.size() - taken);
    probe_->outbound = nullptr;
  }
}

TEST_F(EpollCallsTest, AnInlineSendThatTheSocketRefusesIsSentLater) {
  FaultySys kernel;
  for (const int error : {EAGAIN, ENOBUFS}) {
    kernel.Fail(Call::kSendMessage, error, 1);
    EXPECT_EQ(SendInline("header", "body"), 0);
    Wait();
    EXPECT_EQ(PeerReads(), "headerbody");
  }
}

TEST(EpollPollerTest, WithoutDescriptorsThereIsNone) {
  const auto waker = Waker::New();
  FaultySys kernel;
  kernel.Fail(Call::kEpollCreate, EMFILE, 1);
  EXPECT_EQ(NewEpollPoller(1024, *waker).status(),
            base::ErrnoStatus(EMFILE, "epoll_create1", base::CureOfShortage(EMFILE)));
  kernel.Fail(Call::kEpollControl, ENOMEM, 1);
  EXPECT_EQ(NewEpollPoller(1024, *waker).status().code(), absl::StatusCode::kResourceExhausted);
}

// --- What is no stream.

class OnlyReady final : public Events {
 public:
  explicit OnlyReady(Probe& probe) : probe_(probe) {}

  static constexpr EndpointId kId = EndpointId::Of(EndpointKind::kReadable, 0, 1);
  EndpointRef ref() { return {probe_, kId}; }
  int count = 0;

 private:
  void OnWaitReturned() override {}
  Endpoint* Find(EndpointId) override { return &probe_; }
  More OnReady(EndpointRef, Readiness) override {
    ++count;
    return More::kNo;
  }
  void OnReceived(EndpointRef, std::string_view) override { ADD_FAILURE(); }
  void OnReceiveEnd(EndpointRef) override { ADD_FAILURE(); }
  void OnSent(EndpointRef) override { ADD_FAILURE(); }
  void OnSendFailed(EndpointRef, const char*, int) override { ADD_FAILURE(); }
  void OnFailed(EndpointRef, const char*, int) override { ADD_FAILURE(); }
  void OnReleased(EndpointRef) override { ADD_FAILURE(); }

  Probe& probe_;
};

TEST(EpollForgetTest, WhatCouldNotBeArmedIsForgottenToo) {
  base::AssertOnLoop();
  FaultySys kernel;
  int pair[2];
  RONDO_CHECK(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) == 0);
  const UniqueFd socket(pair[0]);
  UniqueFd peer(pair[1]);
  const std::unique_ptr<Poller> poller = *NewEpollPoller(64 << 10, *Waker::New());
  Probe probe(socket.get());
  OnlyReady ready(probe);
  ASSERT_EQ(poller->Add(ready.ref(), {}), 0);
  // The hang-up takes it out of the set, and then the kernel has no memory to put it back.
  peer.Reset();
  poller->Wait(0, ready);
  kernel.Fail(Call::kEpollControl, ENOMEM, 1);
  poller->SetInterest(ready.ref(), {.readable = true});
  poller->Forget(ready.ref());
  for (int i = 0; i < 3; ++i) poller->Wait(0, ready);
  EXPECT_EQ(ready.count, 0);
}

}  // namespace
}  // namespace rondo::poll
