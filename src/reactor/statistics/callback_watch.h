// CallbackWatch times the user's code on one loop where Options::slow_callback asks for that, and
// has the log name what takes longer: a callback, or a turn without any such callback. Where it is
// off it reads no clock. The loop owns it; loop thread only.

#ifndef RONDO_REACTOR_STATISTICS_CALLBACK_WATCH_H_
#define RONDO_REACTOR_STATISTICS_CALLBACK_WATCH_H_

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>

#include "absl/time/time.h"

#include "base/cold.h"
#include "reactor/engine_link.h"
#include "reactor/statistics/loop_meter.h"
#include "sys/sys.h"

namespace rondo::reactor {

class CallbackWatch {
 public:
  // `limit` infinite: off.
  CallbackWatch(absl::Duration limit, size_t loop_index, EngineLink& engine, LoopMeter& meter)
      : limit_(absl::ToInt64Nanoseconds(limit)),
        loop_index_(loop_index),
        engine_(engine),
        meter_(meter) {}
  CallbackWatch(const CallbackWatch&) = delete;
  CallbackWatch& operator=(const CallbackWatch&) = delete;

  bool is_on() const { return limit_ != kOff; }

  // Runs `code`, named `what` in messages: "OnTraffic". `about` makes the text that says for whom
  // it is called, with a view(): when it was slow.
  template <class About, class Code>
  auto Time(const char* what, const About& about, Code&& code) {
    if (!is_on()) return code();
    const Timing timing(*this, what, about);
    return code();
  }
  // The same of what is the loop's own.
  template <class Code>
  auto Time(const char* what, Code&& code) {
    struct Nothing {
      std::string_view view() const { return {}; }
    };
    return Time(what, [] { return Nothing(); }, code);
  }
  // A turn is over.
  void EndTurn() {
    if (is_on()) [[unlikely]] CheckTurn();
  }

 private:
  // Also of code that throws.
  template <class About>
  class Timing {
   public:
    Timing(CallbackWatch& watch, const char* what, const About& about)
        : watch_(watch), what_(what), about_(about) {}
    Timing(const Timing&) = delete;
    Timing& operator=(const Timing&) = delete;
    ~Timing() {
      const int64_t took = watch_.Note(began_);
      if (took > watch_.limit_) watch_.LogCallback(about_().view(), what_, took);
    }

   private:
    CallbackWatch& watch_;
    const char* const what_;
    const About& about_;
    const int64_t began_ = sys::Now();
  };

  static constexpr int64_t kOff = std::numeric_limits<int64_t>::max();

  // A callback is over. Returns how long it has taken.
  int64_t Note(int64_t began);
  RONDO_COLD void LogCallback(std::string_view about, const char* what, int64_t took);
  RONDO_COLD void CheckTurn();

  // All times are in nanoseconds.
  const int64_t limit_;
  const size_t loop_index_;
  EngineLink& engine_;
  LoopMeter& meter_;

  // Callbacks of this turn: how many, the longest, and the time of those that the log has named.
  size_t callbacks_ = 0;
  int64_t longest_ = 0;
  int64_t named_ = 0;
};

}  // namespace rondo::reactor

#endif  // RONDO_REACTOR_STATISTICS_CALLBACK_WATCH_H_
