// What the tests of the pollers' contract stand on: a poller of the backend under test, sockets,
// and a sink that records what is delivered and complains about what may never be: an event for an
// endpoint that is gone, anything after a failure, bytes while paused.
//
// A closed endpoint is destroyed as soon as the contract allows, so that AddressSanitizer sees what
// touches it later. One thread, unless a test says otherwise.

#ifndef RONDO_TESTS_CONTRACT_CONTRACT_TEST_H_
#define RONDO_TESTS_CONTRACT_CONTRACT_TEST_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

#include "poll/poller.h"
#include "poll/waker.h"
#include "tests/contract/backends.h"

namespace rondo::poll {

// An endpoint and what has happened to it.
struct Probe final : Endpoint {
  Probe(int socket, EndpointKind kind, uint32_t index, uint32_t generation,
        buffer::ChunkPool& chunks)
      : Endpoint(socket, generation),
        name(EndpointId::Of(kind, index, generation)),
        queue(chunks) {}

  EndpointId id() const { return name; }
  EndpointRef ref() { return {*this, name}; }

  const EndpointId name;
  buffer::OutboundQueue queue;
  // A stream that is paused; what is no stream, while it is interested in nothing.
  bool paused = false;

  std::string received;
  int receives = 0;
  int ends = 0;
  int sents = 0;
  // Of sending alone; and of everything, after which nothing comes.
  std::vector<int> send_errors;
  std::vector<int> errors;
  // The first of them; 0 before.
  int failure() const {
    if (!send_errors.empty()) return send_errors[0];
    return errors.empty() ? 0 : errors[0];
  }
  std::vector<Readiness> readies;
  std::vector<UniqueFd> accepted;
  // Called by the events of the same name, last of all: it may close this probe.
  std::function<void(std::string_view)> on_received;
  std::function<void()> on_end, on_sent, on_failed;
  std::function<More(Readiness)> on_ready;
};

class ContractTest : public ::testing::TestWithParam<Backend>, protected Events {
 protected:
  static constexpr size_t kReadBufferBytes = 16 << 10;
  // A limit for what never happens: even a busy machine is faster otherwise.
  static constexpr int64_t kForever = 30'000'000'000;

  void SetUp() override;
  void TearDown() override;

  Poller& poller() { return *poller_; }
  Waker& waker() { return *waker_; }

  // Has the poller know `socket` as a stream, in a free slot or in the one that is named.
  Probe& Add(UniqueFd socket);
  Probe& AddInSlot(uint32_t slot, UniqueFd socket);
  // As what is no stream.
  Probe& AddOther(UniqueFd descriptor, Readiness interest,
                  EndpointKind kind = EndpointKind::kReadable);
  // One that accepts some connections whenever it is ready.
  Probe& AddListener(UniqueFd socket);
  // The same for what may be refused: null then.
  Probe* TryToAdd(UniqueFd socket);
  // Both ends of a connection: ours, known to the poller, and the peer's.
  std::pair<Probe*, UniqueFd> AddConnected();
  // One that was paused before, when bytes arrived, and has received large messages since. What it
  // has received so far is not in `received`.
  std::pair<Probe*, UniqueFd> AddPausedBefore();

  // One that has received large messages. What it has received so far is not in `received`.
  std::pair<Probe*, UniqueFd> AddAfterLargeMessages();

  void Close(Probe& probe);
  // Returns the descriptor, which is the probe's no longer.
  UniqueFd Forget(Probe& probe);
  void SetInterest(Probe& probe, Readiness interest);
  void Pause(Probe& probe);
  void Resume(Probe& probe);
  // Appends to the queue and has the poller send it. Returns what Poller::Send did.
  int Send(Probe& probe, std::string_view bytes);
  int Send(Probe& probe);
  // Sends the pieces inline and queues what is left of them. Returns what Poller::SendInline did.
  ssize_t SendInline(Probe& probe, const std::vector<std::string_view>& pieces);

  // Uses up the sends that a backend makes at once while it has little to do: until the next Wait,
  // SendInline behaves as on a busy poller.
  void SendAsWhenBusy();

  // The probe, if it is still there.
  bool IsOpen(EndpointId id) const { return probes_.contains(id.Pack()); }
  size_t releasing() const { return releasing_.size(); }

  // One Wait.
  void Turn(int64_t timeout_ns = 0);
  // Waits until `done`, and fails after a long time. What happens on the peer's side is no event
  // here, so each Wait is short, unless a test is about what ends it.
  static constexpr int64_t kShort = 5'000'000;
  ::testing::AssertionResult RunUntil(const std::function<bool()>& done,
                                      int64_t each_wait = kShort);
  // Checks that the poller has nothing to do and does not spin: one of the next few Waits lasts its
  // whole timeout.
  ::testing::AssertionResult FallsQuiet();
  // Lets everything that has happened on the sockets so far be seen by the poller.
  void DeliverEverything();

  // Of the last Wait.
  size_t events_in_turn = 0;
  size_t bytes_in_turn = 0;

 private:
  // Events.
  void OnWaitReturned() override;
  Endpoint* Find(EndpointId id) override;
  More OnReady(EndpointRef ref, Readiness ready) override;
  void OnReceived(EndpointRef ref, std::string_view bytes) override;
  void OnReceiveEnd(EndpointRef ref) override;
  void OnSent(EndpointRef ref) override;
  void OnSendFailed(EndpointRef ref, const char* call, int error) override;
  void OnFailed(EndpointRef ref, const char* call, int error) override;
  void OnReleased(EndpointRef ref) override;
  // Counts the event and checks that the endpoint may have one.
  Probe& Seen(EndpointRef ref);
  Probe& Insert(EndpointKind kind, uint32_t index, UniqueFd socket);

  buffer::ChunkPool chunks_;
  std::shared_ptr<Waker> waker_;
  std::unique_ptr<Poller> poller_;
  std::map<uint64_t, std::unique_ptr<Probe>> probes_;
  // Closed, and still in the kernel's hands.
  std::map<Endpoint*, std::unique_ptr<Probe>> releasing_;
  uint32_t next_slot_ = 7;
  uint32_t last_generation_ = 0;
  bool in_wait_ = false;
  int returns_in_turn_ = 0;
};

}  // namespace rondo::poll

#endif  // RONDO_TESTS_CONTRACT_CONTRACT_TEST_H_
