// CompletedInput agrees with a look at every completion, and looks at each once.

#include "poll/uring/completed_input.h"

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <random>

#include "gtest/gtest.h"

namespace rondo::poll::uring {
namespace {

// Stands in for a Ring, and counts.
class Completions {
 public:
  unsigned next_completion() const { return next_; }
  unsigned completions() const { return static_cast<unsigned>(waiting_.size()); }
  template <class Visit>
  void ForEachCompletion(Visit visit) const {
    for (const io_uring_cqe& completion : waiting_) {
      ++looked_at;
      visit(completion);
    }
  }
  void Arrive(Operation operation, EndpointId id, int result) {
    io_uring_cqe completion = {};
    completion.user_data = Tag(operation, id);
    completion.res = result;
    waiting_.push_back(completion);
  }
  void Take() {
    waiting_.pop_front();
    ++next_;
  }
  size_t BytesOf(EndpointId id) const {
    size_t bytes = 0;
    for (const io_uring_cqe& completion : waiting_) {
      const bool is_input = OperationOf(completion) == Operation::kReceive && completion.res > 0;
      if (is_input && EndpointOf(completion) == id) bytes += static_cast<size_t>(completion.res);
    }
    return bytes;
  }

  mutable size_t looked_at = 0;

 private:
  // Close to where it wraps.
  unsigned next_ = UINT32_MAX - 100;
  std::deque<io_uring_cqe> waiting_;
};

EndpointId Stream(uint32_t slot, uint32_t generation = 1) {
  return EndpointId::Of(EndpointKind::kStream, slot, generation);
}

TEST(CompletedInputTest, CountsWhatWaitsOfAStream) {
  Completions completions;
  CompletedInput input;
  EXPECT_EQ(input.Of(completions, Stream(1)), 0u);
  completions.Arrive(Operation::kReceive, Stream(1), 10);
  completions.Arrive(Operation::kReceive, Stream(1, 2), 20);
  completions.Arrive(Operation::kSend, Stream(1), 40);
  completions.Arrive(Operation::kReceive, Stream(1), -ECONNRESET);
  completions.Arrive(Operation::kReceive, Stream(1), 80);
  EXPECT_EQ(input.Of(completions, Stream(1)), 90u);
  EXPECT_EQ(input.Of(completions, Stream(1, 2)), 20u);
  EXPECT_EQ(input.Of(completions, Stream(2)), 0u);
  completions.Take();
  EXPECT_EQ(input.Of(completions, Stream(1)), 80u);
}

TEST(CompletedInputTest, AgreesWithALookAtAllOfThem) {
  std::minstd_rand random(1);
  const auto below = [&](unsigned n) { return static_cast<unsigned>(random()) % n; };
  Completions completions;
  CompletedInput input;
  for (int step = 0; step < 20000; ++step) {
    switch (below(8)) {
      case 0:
        if (below(50) == 0) input.Forget();
        break;
      case 1:
        for (unsigned i = below(20); i > 0; --i) {
          const Operation operation = below(3) == 0 ? Operation::kSend : Operation::kReceive;
          completions.Arrive(operation, Stream(below(5)), static_cast<int>(below(100)) - 10);
        }
        break;
      case 2:
      case 3:
        if (completions.completions() > 0) completions.Take();
        break;
      default: {
        const EndpointId id = Stream(below(6));
        ASSERT_EQ(input.Of(completions, id), completions.BytesOf(id)) << "step " << step;
      }
    }
  }
}

TEST(CompletedInputTest, LooksAtEachOnceWhenManyStreamsHaveFailed) {
  constexpr uint32_t kStreams = 2000;
  for (const int result : {100, -ECONNRESET}) {
    Completions completions;
    for (uint32_t i = 0; i < kStreams; ++i) {
      completions.Arrive(Operation::kReceive, Stream(i), result);
      completions.Arrive(Operation::kSend, Stream(i), -ECONNRESET);
    }
    CompletedInput input;
    // Each is asked about while its own completion is handled.
    for (uint32_t i = 0; i < kStreams; ++i) {
      completions.Take();
      completions.Take();
      EXPECT_EQ(input.Of(completions, Stream(i)), 0u);
    }
    EXPECT_LE(completions.looked_at, 2 * kStreams);
  }
}

}  // namespace
}  // namespace rondo::poll::uring
