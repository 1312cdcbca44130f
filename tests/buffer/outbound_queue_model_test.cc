// The outbound queue against the plainest model of it: a string.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "buffer/chunk_pool.h"
#include "buffer/outbound_queue.h"
#include "gtest/gtest.h"
#include "tests/buffer/outbound_bytes.h"

namespace rondo::buffer {
namespace {

class Model {
 public:
  ~Model() {
    EXPECT_EQ(SendAll(queue_), queued_);
    RunDue(queue_);
  }

  void Append(size_t length) {
    const std::string bytes = Bytes(length, appended_);
    if (random_() % 2 == 0) {
      queue_.Append(std::string_view(bytes));
    } else {
      queue_.Append(std::string(bytes));
    }
    Note(bytes);
  }
  void AppendFile() {
    const size_t offset = random_() % content_.size();
    const size_t length = 1 + random_() % (content_.size() - offset);
    queue_.AppendFile(FileOf(content_), static_cast<int64_t>(offset), length);
    Note(content_.substr(offset, length));
  }
  void Notify() {
    queue_.NotifyWhenSent([this, mark = marked_](const absl::Status&) { told_.push_back(mark); });
    marks_.emplace_back(appended_, marked_++);
  }
  // The kernel takes all that it is shown, or some of it.
  void Send() {
    const std::string next = Sendable(queue_, 1 + random_() % 64);
    ASSERT_EQ(next.empty(), queued_.empty());
    ASSERT_EQ(next, queued_.substr(0, next.size()));
    const size_t taken = random_() % 2 == 0 ? next.size() : random_() % (next.size() + 1);
    if (taken > 0) queue_.Consume(taken);
    queued_.erase(0, taken);
    consumed_ += taken;
  }
  void Check() {
    ASSERT_EQ(queue_.empty(), queued_.empty());
    told_.clear();
    RunDue(queue_);
    for (const int mark : told_) {
      ASSERT_FALSE(marks_.empty());
      ASSERT_EQ(mark, marks_.front().second);
      ASSERT_LE(marks_.front().first, consumed_);
      marks_.pop_front();
    }
    ASSERT_TRUE(marks_.empty() || marks_.front().first > consumed_);
  }

  size_t size() const { return queued_.size(); }
  std::mt19937& random() { return random_; }

 private:
  void Note(const std::string& bytes) {
    queued_ += bytes;
    appended_ += bytes.size();
  }

  std::mt19937 random_{3};
  const std::string content_ = Bytes(20 * kKiB, 11);
  std::string queued_;
  size_t appended_ = 0, consumed_ = 0;
  // Where each Done became due, and which it is.
  std::deque<std::pair<size_t, int>> marks_;
  std::vector<int> told_;
  int marked_ = 0;
  ChunkPool pool_;
  OutboundQueue queue_{pool_};
};

TEST(OutboundQueueModelTest, BehavesAsAStringUnderRandomUse) {
  Model model;
  std::mt19937& random = model.random();
  for (int step = 0; step < 30'000; ++step) {
    const size_t largest = random() % 30 == 0 ? 30 * kKiB : random() % 3 == 0 ? 5000 : 60;
    // Phases in which it fills and phases in which it empties.
    const bool filling = step / 1500 % 2 == 0;
    switch (random() % (filling ? 6 : 12)) {
      case 0:
      case 1:
        model.Append(random() % (largest + 1));
        break;
      case 2:
        if (model.size() < 100 * kKiB) model.AppendFile();
        break;
      case 3:
        model.Notify();
        break;
      default:
        ASSERT_NO_FATAL_FAILURE(model.Send()) << step;
    }
    ASSERT_NO_FATAL_FAILURE(model.Check()) << step;
  }
}

}  // namespace
}  // namespace rondo::buffer
