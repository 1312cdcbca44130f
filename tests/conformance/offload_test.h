// A server whose connections offload what arrives. GoogleTest owns it.

#ifndef RONDO_TESTS_CONFORMANCE_OFFLOAD_TEST_H_
#define RONDO_TESTS_CONFORMANCE_OFFLOAD_TEST_H_

#include <atomic>
#include <string>
#include <utility>

#include "rondo/rondo.h"

#include "gtest/gtest.h"
#include "tests/server/server_test.h"
#include "tests/workers/gate.h"

namespace rondo::testing {

class OffloadTest : public ConformanceTest {
 protected:
  OffloadTest() { options.workers = WorkerPoolOptions{.min_threads = 4, .max_threads = 4}; }

  // Offloads each byte that arrives: `work(byte)` there, and its result is the reply.
  template <class Work>
  void AnswerBytes(Work work, OffloadOrder order = OffloadOrder::kOrdered) {
    handler.on_traffic = [this, work, order](Connection& connection) {
      while (!connection.backlogged() && connection.buffered() > 0) {
        const char byte = connection.Next(1)[0];
        const WriteResult result = connection.Offload(
            [work, byte] { return std::string(work(byte)); },
            [this](Connection& told, std::string reply) {
              EXPECT_TRUE(told.loop().IsCurrent());
              (void)told.Write(std::move(reply));
              ++told_;
            },
            order);
        last_result.store(result);
      }
      return Action::kNone;
    };
  }
  int told() const { return told_; }

  Gate gate;
  std::atomic<WriteResult> last_result = WriteResult::kOk;

 private:
  std::atomic<int> told_ = 0;
};

}  // namespace rondo::testing

#endif  // RONDO_TESTS_CONFORMANCE_OFFLOAD_TEST_H_
