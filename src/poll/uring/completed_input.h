// CompletedInput tells how many bytes of a stream are in completions that were not handled yet. It
// looks at each completion once a turn, however many streams are asked about: when thousands of
// connections fail at once, each is. It belongs to one receiver and to its thread.

#ifndef RONDO_POLL_URING_COMPLETED_INPUT_H_
#define RONDO_POLL_URING_COMPLETED_INPUT_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <new>
#include <tuple>
#include <vector>

#include "poll/uring/ring/ring.h"

namespace rondo::poll::uring {

class CompletedInput {
 public:
  // Bytes of the stream `id` in `completions`, which is a Ring. Without memory for a table all of
  // them are looked at.
  template <class Completions>
  size_t Of(const Completions& completions, EndpointId id) noexcept {
    const unsigned next = completions.next_completion();
    const unsigned end = next + completions.completions();
    if (next == end) return 0;
    if (!collected_ || end_ != end) {
      try {
        Collect(completions, next);
      } catch (const std::bad_alloc&) {
        Forget();
        return LookFor(completions, id);
      }
      end_ = end;
      collected_ = true;
    }
    const Part first = {.stream = id.Pack(), .place = next - begin_};
    const auto found = std::lower_bound(parts_.begin(), parts_.end(), first);
    return found != parts_.end() && found->stream == first.stream ? found->bytes : 0;
  }
  // Another turn begins.
  void Forget() {
    collected_ = false;
    parts_ = std::vector<Part>();
  }

 private:
  // A completion.
  struct Part {
    uint64_t stream;
    // Behind `begin_`, in the order of arrival.
    unsigned place;
    // Of the stream, from this one on.
    size_t bytes = 0;
    bool operator<(const Part& other) const {
      return std::tie(stream, place) < std::tie(other.stream, other.place);
    }
  };

  static bool HasInput(const io_uring_cqe& completion) {
    return OperationOf(completion) == Operation::kReceive && completion.res > 0;
  }
  template <class Completions>
  static size_t LookFor(const Completions& completions, EndpointId id) {
    size_t bytes = 0;
    completions.ForEachCompletion([&](const io_uring_cqe& completion) {
      const bool counts = HasInput(completion) && EndpointOf(completion) == id;
      if (counts) bytes += static_cast<size_t>(completion.res);
    });
    return bytes;
  }
  template <class Completions>
  void Collect(const Completions& completions, unsigned next) {
    parts_.clear();
    parts_.reserve(completions.completions());
    begin_ = next;
    unsigned place = 0;
    completions.ForEachCompletion([&](const io_uring_cqe& completion) {
      const unsigned its_place = place++;
      if (!HasInput(completion)) return;
      parts_.push_back({.stream = EndpointOf(completion).Pack(),
                        .place = its_place,
                        .bytes = static_cast<size_t>(completion.res)});
    });
    std::sort(parts_.begin(), parts_.end());
    for (size_t i = parts_.size(); i-- > 1;) {
      if (parts_[i - 1].stream == parts_[i].stream) parts_[i - 1].bytes += parts_[i].bytes;
    }
  }

  bool collected_ = false;
  // Sorted.
  std::vector<Part> parts_;
  // The completions that they tell of; those from `end_` on came later.
  unsigned begin_ = 0;
  unsigned end_ = 0;
};

}  // namespace rondo::poll::uring

#endif  // RONDO_POLL_URING_COMPLETED_INPUT_H_
