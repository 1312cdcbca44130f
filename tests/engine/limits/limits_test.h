// LimitsTest is Limits without an engine: what asks it for places does so as acceptors do.
// GoogleTest owns it.

#ifndef RONDO_TESTS_ENGINE_LIMITS_LIMITS_TEST_H_
#define RONDO_TESTS_ENGINE_LIMITS_LIMITS_TEST_H_

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/limits/limits.h"
#include "gtest/gtest.h"
#include "net/address.h"
#include "reactor/limits/newcomer.h"
#include "tests/kernel/faulty_sys.h"

namespace rondo::engine {

class LimitsTest : public ::testing::Test {
 protected:
  using Admission = reactor::Admission;
  using Newcomer = reactor::Newcomer;

  ~LimitsTest() override { ReleaseAll(); }

  Limits& Make(const Options& options) {
    ReleaseAll();
    limits_.reset();
    options_ = options;
    limits_.emplace(options_, log_);
    return *limits_;
  }
  static SocketAddress Peer() { return *net::Resolve("tcp://192.0.2.7:5"); }
  // As an acceptor does: asks for one after the other, and withdraws the last one in the end.
  class Asker {
   public:
    explicit Asker(LimitsTest& test) : test_(test) { newcomer.peer = Peer(); }
    ~Asker() { Withdraw(); }
    Asker(const Asker&) = delete;
    Asker& operator=(const Asker&) = delete;

    Admission Ask(const SocketAddress& peer) {
      newcomer.peer = peer;
      return Ask();
    }
    Admission Ask() {
      const Admission admission = test_.limits_->Admit(newcomer);
      if (admission == Admission::kAdmitted) test_.admitted_.push_back(newcomer.peer);
      return admission;
    }
    bool Admits() { return Ask() == Admission::kAdmitted; }
    bool Admits(const char* peer) { return Ask(*net::Resolve(peer)) == Admission::kAdmitted; }
    // Asks until one must wait, or is refused; returns how many were admitted.
    int AdmitAll() {
      int places = 0;
      while (Admits()) ++places;
      return places;
    }
    void Withdraw() { test_.limits_->Withdraw(newcomer); }

    Newcomer newcomer;

   private:
    LimitsTest& test_;
  };
  // A connection of `peer` that was admitted ends.
  bool Release(const SocketAddress& peer = Peer()) {
    const auto found = std::find(admitted_.rbegin(), admitted_.rend(), peer);
    EXPECT_NE(found, admitted_.rend());
    admitted_.erase(std::next(found).base());
    return limits_->Release(peer);
  }
  void ReleaseAll() {
    for (const SocketAddress& peer : std::exchange(admitted_, {})) (void)limits_->Release(peer);
  }
  void Pass(int64_t milliseconds) { kernel_.AdvanceClock(milliseconds * 1'000'000); }

  testing::FaultySys kernel_;
  std::vector<std::string> logged_;

 private:
  reactor::Log log_{[this](LogSeverity, std::string_view text) { logged_.emplace_back(text); }};
  Options options_;
  std::optional<Limits> limits_;
  std::vector<SocketAddress> admitted_;
};

}  // namespace rondo::engine

#endif  // RONDO_TESTS_ENGINE_LIMITS_LIMITS_TEST_H_
