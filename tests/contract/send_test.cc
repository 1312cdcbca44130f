// Sending: what Send cannot send at once is sent later without another call, in order, and OnSent
// reports it; a failure is reported once, by Send or by OnSendFailed, and leaves the input as it
// is.

#include <cerrno>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

#include "tests/contract/contract_test.h"
#include "tests/contract/sockets.h"
#include "tests/kernel/faulty_sys.h"
#include "tests/process/process_state.h"

namespace rondo::poll {
namespace {

using testing::Call;
using testing::FaultySys;

TEST_P(ContractTest, AShortMessageIsSent) {
  auto [probe, peer] = AddConnected();
  EXPECT_EQ(Send(*probe, "short"), 0);
  std::string arrived;
  EXPECT_TRUE(RunUntil([&, probe = probe, &peer = peer] {
    arrived += ReadSome(peer.get());
    return arrived == "short" && probe->queue.empty();
  }));
  EXPECT_TRUE(FallsQuiet());
}

TEST_P(ContractTest, TheRestIsSentWithoutBeingAskedAgain) {
  auto [probe, peer] = AddConnected();
  const std::string sent = Pattern(16 << 20);
  EXPECT_EQ(Send(*probe, sent), 0);
  EXPECT_FALSE(probe->queue.empty());
  EXPECT_TRUE(FallsQuiet()) << "a full socket keeps the poller awake";
  std::string arrived;
  EXPECT_TRUE(RunUntil([&, &peer = peer] {
    arrived += ReadSome(peer.get());
    return arrived.size() == sent.size();
  }));
  EXPECT_TRUE(arrived == sent);
  EXPECT_GT(probe->sents, 0);
  EXPECT_TRUE(RunUntil([&, probe = probe] { return probe->queue.empty(); }));
  EXPECT_TRUE(FallsQuiet());
}

TEST_P(ContractTest, WhatIsAppendedWhileTheSocketIsFullKeepsItsPlace) {
  auto [probe, peer] = AddConnected();
  ShrinkSendBuffer(probe->socket);
  std::string sent, arrived;
  for (int i = 0; i < 300; ++i) {
    const std::string part = Pattern(20'000 + i);
    EXPECT_EQ(Send(*probe, part), 0);
    sent += part;
    if (i % 4 == 0) arrived += ReadSome(peer.get(), 30'000);
    if (i % 3 == 0) Turn();
  }
  EXPECT_TRUE(RunUntil([&, &peer = peer] {
    arrived += ReadSome(peer.get());
    return arrived.size() == sent.size();
  }));
  EXPECT_TRUE(arrived == sent);
}

TEST_P(ContractTest, OnSentMaySendMore) {
  auto [probe, peer] = AddConnected();
  const std::string part = Pattern(1 << 20);
  int left = 20;
  size_t total = part.size();
  probe->on_sent = [&, probe = probe] {
    if (!probe->queue.empty() || left == 0) return;
    --left;
    total += part.size();
    EXPECT_EQ(Send(*probe, part), 0);
  };
  EXPECT_EQ(Send(*probe, Pattern(16 << 20)), 0);
  total += (16 << 20) - part.size();
  size_t arrived = 0;
  EXPECT_TRUE(RunUntil([&, probe = probe, &peer = peer] {
    arrived += ReadSome(peer.get()).size();
    // Once all has gone in one Send there is no OnSent to go on from.
    return arrived == total && probe->queue.empty();
  }));
}

TEST_P(ContractTest, AFewBytesGoInline) {
  auto [probe, peer] = AddConnected();
  EXPECT_EQ(SendInline(*probe, {"one"}), 3);
  EXPECT_TRUE(RunUntil([&, probe = probe] { return !probe->has_output(); }));
  EXPECT_EQ(SendInline(*probe, {"two", "three", "", "four"}), 12);
  std::string arrived;
  EXPECT_TRUE(RunUntil([&, &peer = peer] {
    arrived += ReadSome(peer.get());
    return arrived == "onetwothreefour";
  }));
  EXPECT_TRUE(FallsQuiet());
  EXPECT_FALSE(probe->has_output());
}

TEST_P(ContractTest, InlineBatchedAndQueuedBytesStayInOrder) {
  auto [probe, peer] = AddConnected();
  std::string arrived;
  for (int round = 0; round < 3; ++round) {
    std::string sent;
    ssize_t taken = 1;
    for (char byte = 'a'; byte <= 'h' && taken == 1 && !probe->has_output(); ++byte) {
      sent += byte;
      taken = SendInline(*probe, {std::string_view(&byte, 1)});
    }
    sent += "queued";
    EXPECT_EQ(Send(*probe, "queued"), 0);
    arrived.clear();
    EXPECT_TRUE(RunUntil([&, probe = probe, &peer = peer] {
      arrived += ReadSome(peer.get());
      return arrived.size() >= sent.size() && !probe->has_output();
    }));
    EXPECT_EQ(arrived, sent);
  }
  EXPECT_TRUE(FallsQuiet());
}

TEST_P(ContractTest, WhatIsSubmittedIsSentBeforeTheNextWait) {
  base::AssertOnLoop();
  auto [probe, peer] = AddConnected();
  Turn();
  SendAsWhenBusy();
  EXPECT_EQ(SendInline(*probe, {"inline"}), 6);
  poller().Submit();
  std::string arrived;
  EXPECT_TRUE(testing::Eventually([&, &peer = peer] {
    arrived += ReadSome(peer.get());
    return arrived == "inline";
  }));
}

TEST_P(ContractTest, SmallWritesOfABusyEndpointSurviveACloseOfOthers) {
  auto [probe, peer] = AddConnected();
  SendAsWhenBusy();
  EXPECT_EQ(SendInline(*probe, {"mine"}), 4);
  std::string arrived;
  EXPECT_TRUE(RunUntil([&, &peer = peer] {
    arrived += ReadSome(peer.get());
    return arrived == "mine";
  }));
  EXPECT_TRUE(RunUntil([&] { return releasing() == 0; }));
}

TEST_P(ContractTest, AResetDuringASmallWriteOfABusyEndpointIsReportedOnce) {
  for (const bool closes : {false, true}) {
    auto [probe, peer] = AddConnected();
    const EndpointId id = probe->id();
    SendAsWhenBusy();
    Reset(std::move(peer));
    const ssize_t taken = SendInline(*probe, {"into the void"});
    if (closes) {
      Close(*probe);
      EXPECT_TRUE(RunUntil([&] { return releasing() == 0; }));
      EXPECT_FALSE(IsOpen(id));
    } else if (taken >= 0) {
      EXPECT_TRUE(RunUntil([&, probe = probe] { return probe->failure() != 0; }));
      EXPECT_TRUE(FallsQuiet());
      EXPECT_LE(probe->send_errors.size(), 1u);
    }
  }
}

TEST_P(ContractTest, WhatDoesNotGoInlineFollowsFromTheQueue) {
  auto [probe, peer] = AddConnected();
  const std::string sent = Pattern(9 << 20);
  const std::string_view all = sent;
  const ssize_t taken = SendInline(
      *probe, {all.substr(0, 1 << 20), all.substr(1 << 20, 5 << 20), all.substr(6 << 20)});
  EXPECT_LT(taken, static_cast<ssize_t>(sent.size()));
  EXPECT_EQ(Send(*probe, "tail"), 0);
  EXPECT_TRUE(FallsQuiet());
  std::string arrived;
  EXPECT_TRUE(RunUntil([&, &peer = peer] {
    arrived += ReadSome(peer.get());
    return arrived.size() == sent.size() + 4;
  }));
  EXPECT_TRUE(arrived == sent + "tail");
  EXPECT_GT(probe->sents, 0);
}

TEST_P(ContractTest, ASocketThatIsFullTakesNothingInline) {
  auto [probe, peer] = AddConnected();
  // What is on its way to the peer makes room again for a moment.
  std::string sent;
  const std::string filling = Pattern(16 << 20);
  while (const size_t more = WriteSome(probe->socket, filling)) sent.append(filling, 0, more);
  const ssize_t taken = SendInline(*probe, {"late"});
  EXPECT_TRUE(taken == 0 || taken == 4) << taken;
  EXPECT_TRUE(taken == 4 || probe->has_output());
  EXPECT_TRUE(FallsQuiet());
  std::string arrived;
  EXPECT_TRUE(RunUntil([&, &peer = peer] {
    arrived += ReadSome(peer.get());
    return arrived.size() == sent.size() + 4;
  }));
  EXPECT_TRUE(arrived.ends_with("late"));
}

TEST_P(ContractTest, AFailureThatSendInlineReportsIsNotReportedAgain) {
  auto [probe, peer] = AddConnected();
  Pause(*probe);
  Reset(std::move(peer));
  ssize_t result = SendInline(*probe, {"into the void"});
  if (result > 0 && !probe->sending) result = SendInline(*probe, {"again"});
  if (result < 0) {
    EXPECT_TRUE(FallsQuiet());
    EXPECT_EQ(probe->failure(), 0) << "told twice";
  } else {
    EXPECT_TRUE(RunUntil([&, probe = probe] { return probe->failure() != 0; }));
  }
}

TEST_P(ContractTest, MorePiecesThanOneCallTakesAreSentInOrder) {
  auto [probe, peer] = AddConnected();
  std::string sent;
  for (int i = 0; i < 3000; ++i) {
    std::string piece = Pattern(buffer::OutboundQueue::kChunkBytes + i);
    sent += piece;
    probe->queue.Append(std::move(piece));
  }
  EXPECT_EQ(Send(*probe), 0);
  std::string arrived;
  EXPECT_TRUE(RunUntil([&, &peer = peer] {
    arrived += ReadSome(peer.get());
    return arrived.size() == sent.size();
  }));
  EXPECT_TRUE(arrived == sent);
}

TEST_P(ContractTest, StretchesOfFilesAreSentInTheirPlaces) {
  auto [probe, peer] = AddConnected();
  const std::string content = Pattern(3 << 20);
  std::string sent;
  for (size_t i = 0; i < 5; ++i) {
    const size_t offset = 1000 * i + i, length = 500'000 * i + 1;
    probe->queue.Append(std::string_view("head "));
    probe->queue.AppendFile(FileWith(content), static_cast<int64_t>(offset), length);
    sent += "head " + content.substr(offset, length);
  }
  probe->queue.Append(std::string_view("tail"));
  sent += "tail";
  EXPECT_EQ(Send(*probe), 0);
  std::string arrived;
  EXPECT_TRUE(RunUntil([&, &peer = peer] {
    arrived += ReadSome(peer.get());
    return arrived.size() == sent.size();
  }));
  EXPECT_TRUE(arrived == sent);
}

// How a peer ends that has sent much, and what meets its end.
struct FailedSend {
  enum class End { kFin, kReset } end;
  enum class By { kInline, kQueue, kFile, kOutputThatWaits } by;
  enum class Input { kReading, kPaused } input;
};

std::vector<FailedSend> FailedSends() {
  std::vector<FailedSend> all;
  for (const auto end : {FailedSend::End::kFin, FailedSend::End::kReset}) {
    for (const auto by : {FailedSend::By::kInline, FailedSend::By::kQueue, FailedSend::By::kFile,
                          FailedSend::By::kOutputThatWaits}) {
      for (const auto input : {FailedSend::Input::kReading, FailedSend::Input::kPaused}) {
        all.push_back({end, by, input});
      }
    }
  }
  return all;
}

TEST_P(ContractTest, AFailedSendLeavesTheBytesThatHadArrived) {
  using By = FailedSend::By;
  for (const FailedSend& test : FailedSends()) {
    SCOPED_TRACE(absl::StrCat("end ", static_cast<int>(test.end), ", by ",
                              static_cast<int>(test.by), ", ", static_cast<int>(test.input)));
    auto [probe, peer] = AddConnected();
    const bool paused = test.input == FailedSend::Input::kPaused;
    if (paused) Pause(*probe);
    if (test.by == By::kOutputThatWaits) {
      EXPECT_EQ(Send(*probe, Pattern(16 << 20)), 0);
    }
    // What a socket takes without a receiver.
    const std::string bytes = Pattern(100'000);
    const std::string_view arrived(bytes.data(), WriteSome(peer.get(), bytes));
    if (test.end == FailedSend::End::kReset) {
      Reset(std::move(peer));
    } else {
      peer.Reset();
    }
    ssize_t result = 0;
    for (int i = 0; i < 1000 && result >= 0 && probe->failure() == 0; ++i) {
      if (test.by == By::kInline && !probe->has_output()) result = SendInline(*probe, {"late"});
      if (test.by == By::kQueue) result = Send(*probe, "late");
      if (test.by == By::kFile) {
        probe->queue.AppendFile(FileWith("late"), 0, 4);
        result = Send(*probe);
      }
      if (paused || i > 3) Turn(kShort);
      if (!probe->errors.empty() || probe->ends > 0) break;
    }
    if (paused) Resume(*probe);
    EXPECT_TRUE(RunUntil([&, probe = probe] {
      return probe->ends > 0 || !probe->errors.empty();
    }));
    EXPECT_TRUE(probe->received == arrived) << probe->received.size() << " of " << arrived.size();
    EXPECT_TRUE(FallsQuiet());
    Close(*probe);
  }
}

TEST_P(ContractTest, AFileThatIsTooShortIsAFailure) {
  auto [probe, peer] = AddConnected();
  probe->queue.AppendFile(FileWith("ten bytes."), 0, 11);
  int result = Send(*probe);
  std::string arrived;
  EXPECT_TRUE(RunUntil([&, probe = probe, &peer = peer] {
    if (result == 0 && probe->failure() == 0) result = Send(*probe);
    arrived += ReadSome(peer.get());
    return (result < 0 || probe->failure() != 0) && arrived.size() == 10;
  }));
  EXPECT_EQ(arrived, "ten bytes.");
  EXPECT_EQ(result < 0 ? -result : probe->failure(), ENODATA);
}

TEST_P(ContractTest, ShortSendsAreContinued) {
  if (!GetParam().sends_by_sys) GTEST_SKIP() << "it does not send through src/sys";
  FaultySys kernel;
  kernel.Shorten(Call::kSend, 1);
  kernel.Shorten(Call::kSendMessage, 1000);
  kernel.Shorten(Call::kSendFile, 1000);
  auto [probe, peer] = AddConnected();
  std::string sent = "one by one";
  EXPECT_EQ(Send(*probe, sent), 0);
  const std::string content = Pattern(10'000);
  probe->queue.Append(std::string(content));
  probe->queue.AppendFile(FileWith(content), 0, content.size());
  probe->queue.Append(std::string_view("end"));
  EXPECT_EQ(Send(*probe), 0);
  sent += content + content + "end";
  std::string arrived;
  EXPECT_TRUE(RunUntil([&, &peer = peer] {
    arrived += ReadSome(peer.get());
    return arrived.size() == sent.size();
  }));
  EXPECT_TRUE(arrived == sent);
  EXPECT_TRUE(FallsQuiet());
}

TEST_P(ContractTest, AShortageOfBuffersInTheKernelPasses) {
  if (!GetParam().sends_by_sys) GTEST_SKIP() << "it does not send through src/sys";
  FaultySys kernel;
  kernel.Fail(Call::kSend, ENOBUFS, 2);
  auto [probe, peer] = AddConnected();
  EXPECT_EQ(Send(*probe, "patience"), 0);
  std::string arrived;
  EXPECT_TRUE(RunUntil([&, &peer = peer] {
    arrived += ReadSome(peer.get());
    return arrived == "patience";
  }));
  EXPECT_TRUE(probe->failure() == 0);
}

TEST_P(ContractTest, AResetWhileOutputWaitsIsReportedOnce) {
  for (const bool paused : {false, true}) {
    auto [probe, peer] = AddConnected();
    if (paused) Pause(*probe);
    EXPECT_EQ(Send(*probe, Pattern(16 << 20)), 0);
    Turn();
    Reset(std::move(peer));
    ASSERT_TRUE(RunUntil([&, probe = probe] { return probe->failure() != 0; }));
    EXPECT_TRUE(FallsQuiet());
    Close(*probe);
  }
}

TEST_P(ContractTest, SendingToAPeerThatWasResetFailsOnceAndWithoutASignal) {
  auto [probe, peer] = AddConnected();
  Pause(*probe);
  Reset(std::move(peer));
  // The first may only find the reset out; the second certainly meets a dead socket.
  int failures = Send(*probe, "into the void") < 0 ? 1 : 0;
  if (failures == 0 && Send(*probe, "again") < 0) ++failures;
  if (failures == 0) {
    EXPECT_TRUE(RunUntil([&, probe = probe] { return probe->failure() != 0; }));
  } else {
    EXPECT_TRUE(FallsQuiet());
    EXPECT_EQ(probe->failure(), 0) << "told twice";
  }
}

}  // namespace
}  // namespace rondo::poll
