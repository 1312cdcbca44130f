#include "benchmarks/load/churn.h"

#include <sched.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "benchmarks/load/clock.h"
#include "benchmarks/load/fatal.h"
#include "benchmarks/load/pattern.h"

namespace load {
namespace {

constexpr uint64_t kDeadlineTag = ~uint64_t{0};
constexpr uint64_t kCloseTag = kDeadlineTag - 1;
constexpr uint64_t kReplyFlag = uint64_t{1} << 32;
constexpr int kSources = 64;

}  // namespace

Tally Churn::Work(const Plan& plan, int index, Rendezvous& rendezvous) {
  if (plan.threads > 1 && unshare(CLONE_FILES) != 0) Die("unshare(CLONE_FILES)", errno);
  Churn churn(plan, index);
  churn.tally_.io_uring = !churn.ring_.refused();
  churn.Run(rendezvous.AwaitWindow());
  return churn.tally_;
}

Churn::Churn(const Plan& plan, int index)
    : plan_(plan), role_(plan.roles.front()), index_(index), ring_(4096, 0, 0) {
  lanes_.resize(ShareOf(role_.connections, index, plan.threads));
  for (Lane& lane : lanes_) lane.reply.resize(role_.message_bytes);
}

void Churn::Run(const Window& window) {
  window_ = window;
  now_ = Now();
  ArmDeadline(window_.end_ns);
  for (uint32_t i = 0; i < lanes_.size(); ++i) Begin(lanes_[i], i);
  while (!stopping_ || busy_lanes_ > 0) {
    ring_.SubmitAndWait();
    now_ = Now();
    cpu_.Follow(window_, now_, tally_);
    ring_.Reap([this](const io_uring_cqe& completion) { OnCompletion(completion); });
  }
  ring_.Submit();  // The last closes.
  cpu_.Close(tally_);
}

void Churn::Begin(Lane& lane, uint32_t index) {
  uint64_t number = connections_++ * plan_.threads + index_;
  lane.fd = OpenSocket(plan_.address, number % (uint64_t{kSources} * kConnectionsPerSource));
  if (lane.fd < 0) Die("socket", errno);
  lane.begun = now_;
  lane.offset = Pattern::StartOf(number);
  ++busy_lanes_;

  io_uring_sqe* entry = ring_.Next();
  io_uring_prep_connect(entry, lane.fd, plan_.address.get(), plan_.address.length);
  entry->flags |= IOSQE_IO_LINK | IOSQE_CQE_SKIP_SUCCESS;
  entry->user_data = index;
  entry = ring_.Next();
  io_uring_prep_send(entry, lane.fd, Pattern::Get().At(lane.offset), role_.message_bytes,
                     MSG_NOSIGNAL | MSG_WAITALL);
  entry->flags |= IOSQE_IO_LINK | IOSQE_CQE_SKIP_SUCCESS;
  entry->user_data = index;
  entry = ring_.Next();
  io_uring_prep_recv(entry, lane.fd, lane.reply.data(), lane.reply.size(), MSG_WAITALL);
  entry->user_data = kReplyFlag | index;
}

void Churn::End(Lane& lane, const char* call, int result) {
  --busy_lanes_;
  if (result == static_cast<int>(role_.message_bytes) &&
      Pattern::Get().Matches(lane.offset, lane.reply.data(), lane.reply.size())) {
    if (window_.Contains(now_)) {
      ++tally_.messages;
      tally_.bytes += result;
      tally_.latencies.Record(now_ - lane.begun);
    }
  } else if (result >= 0) {
    tally_.Fail(result == static_cast<int>(role_.message_bytes)
                    ? "wrong bytes in a reply"
                    : "the server closed after " + std::to_string(result) + " bytes");
  } else {
    tally_.Fail(std::string(call) + ": " + std::strerror(-result));
  }
  io_uring_sqe* entry = ring_.Next();
  io_uring_prep_close(entry, lane.fd);
  entry->flags |= IOSQE_CQE_SKIP_SUCCESS;
  entry->user_data = kCloseTag;
}

void Churn::ArmDeadline(uint64_t time) {
  deadline_ = {static_cast<int64_t>(time / 1'000'000'000),
               static_cast<int64_t>(time % 1'000'000'000)};
  io_uring_sqe* entry = ring_.Next();
  io_uring_prep_timeout(entry, &deadline_, 0, IORING_TIMEOUT_ABS);
  entry->user_data = kDeadlineTag;
}

void Churn::OnCompletion(const io_uring_cqe& completion) {
  if (completion.user_data == kDeadlineTag) {
    if (!stopping_) {
      stopping_ = true;
      return ArmDeadline(now_ + plan_.drain_ns);
    }
    tally_.Fail("a reply did not come on " + std::to_string(busy_lanes_) + " connections");
    busy_lanes_ = 0;
    return;
  }
  if (completion.user_data == kCloseTag) {
    return tally_.Fail(std::string("close: ") + std::strerror(-completion.res));
  }
  // In a chain that fails, only the operation that failed completes: those behind it are cancelled
  // without a completion (io_uring_enter(2), IOSQE_CQE_SKIP_SUCCESS).
  const bool replied = completion.user_data & kReplyFlag;
  auto index = static_cast<uint32_t>(completion.user_data);
  End(lanes_[index], replied ? "recv" : "connect or send", completion.res);
  if (!stopping_) Begin(lanes_[index], index);
}

}  // namespace load
