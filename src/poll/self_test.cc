#include "poll/self_test.h"

#include <array>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"

#include "rondo/unique_fd.h"

#include "base/status.h"
#include "buffer/chunk_pool.h"
#include "buffer/outbound_queue.h"
#include "sys/sys.h"

namespace rondo::poll {
namespace {

constexpr std::string_view kRequest = "request";
constexpr std::string_view kReply = "reply";
// io_uring sends a turn's first replies by send(2) and the rest through the ring. Eight exercise
// both.
constexpr int kReplies = 8;
constexpr int kMostWaits = 100;
constexpr int64_t kWaitNanoseconds = 10'000'000;

struct Subject final : Endpoint {
  explicit Subject(int socket) : Endpoint(socket, 1) {}
  EndpointRef ref() { return {*this, EndpointId::Of(EndpointKind::kStream, 0, generation)}; }
};

class Recorder final : public Events {
 public:
  explicit Recorder(Endpoint& endpoint) : endpoint_(endpoint) {}

  void OnWaitReturned() override {}
  Endpoint* Find(EndpointId id) override {
    return !released && id.generation == endpoint_.generation ? &endpoint_ : nullptr;
  }
  More OnReady(EndpointRef, Readiness) override { return More::kNo; }
  void OnReceived(EndpointRef, std::string_view bytes) override { received += bytes; }
  void OnReceiveEnd(EndpointRef) override { ended = true; }
  void OnSent(EndpointRef) override {}
  void OnSendFailed(EndpointRef ref, const char* call, int error) override {
    OnFailed(ref, call, error);
  }
  void OnFailed(EndpointRef, const char* call, int error) override {
    failure = base::ErrnoStatus(error, call);
  }
  void OnReleased(EndpointRef) override { released = true; }

  std::string received;
  bool ended = false;
  bool released = false;
  absl::Status failure;

 private:
  Endpoint& endpoint_;
};

// Waits until `done`; the failure otherwise names what did not happen.
template <class Done>
absl::Status Await(Poller& poller, Recorder& recorder, const char* what, Done done) {
  base::AssertOnLoop();
  for (int i = 0; i < kMostWaits && !done(); ++i) {
    poller.Wait(kWaitNanoseconds, recorder);
    RONDO_RETURN_IF_ERROR(recorder.failure);
  }
  if (done()) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat(poller.name(), " does not ", what));
}

absl::Status Exchange(Poller& poller, Subject& subject, buffer::OutboundQueue& queue, int peer,
                      Recorder& recorder) {
  base::AssertOnLoop();
  // Twice: a poller that works once may still fail to go on.
  for (int i = 0; i < 2; ++i) {
    recorder.received.clear();
    (void)sys::Send(peer, kRequest.data(), kRequest.size());
    RONDO_RETURN_IF_ERROR(Await(poller, recorder, "receive what a peer has sent",
                                [&] { return recorder.received == kRequest; }));
    const iovec reply = {const_cast<char*>(kReply.data()), kReply.size()};
    size_t sent = 0;
    for (int replies = 0; replies < kReplies && !subject.sending; ++replies) {
      if (poller.SendInline(subject.ref(), &reply, 1) != static_cast<ssize_t>(kReply.size())) {
        return absl::UnavailableError(
            absl::StrCat(poller.name(), " does not take what is to be sent"));
      }
      sent += kReply.size();
    }
    queue.Append(kReply);
    sent += kReply.size();
    subject.outbound = &queue;
    if (const int result = poller.Send(subject.ref()); result < 0) {
      return base::ErrnoStatus(-result, absl::StrCat(poller.name(), " sending from a queue"));
    }
    RONDO_RETURN_IF_ERROR(Await(poller, recorder, "send", [&] {
      std::array<char, kReply.size()> read;
      const ssize_t got = sys::Receive(peer, read.data(), read.size());
      if (got > 0) sent -= static_cast<size_t>(got);
      return sent == 0 && queue.empty() && !subject.sending;
    }));
    subject.outbound = nullptr;
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status SelfTest(Poller& poller) {
  std::array<int, 2> pair;
  if (const int result = sys::SocketPair(&pair); result < 0) {
    return base::ErrnoStatus(-result, "socketpair");
  }
  UniqueFd socket(pair[0]), peer(pair[1]);
  Subject subject(socket.get());
  buffer::ChunkPool chunks;
  buffer::OutboundQueue queue(chunks);
  Recorder recorder(subject);
  if (const int result = poller.AddStream(subject.ref()); result < 0) {
    return base::ErrnoStatus(-result, absl::StrCat(poller.name(), " watching a socket"));
  }
  (void)socket.Release();
  absl::Status status = Exchange(poller, subject, queue, peer.get(), recorder);
  if (status.ok()) {
    peer.Reset();
    status = Await(poller, recorder, "see a peer's end", [&] { return recorder.ended; });
  }
  // `status` has the failure; whether the socket is released is another question.
  recorder.failure = absl::OkStatus();
  if (poller.Close(subject.ref())) return status;
  status.Update(Await(poller, recorder, "close", [&] { return recorder.released; }));
  return status;
}

}  // namespace rondo::poll
