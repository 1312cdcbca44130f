#include "reactor/statistics/callback_watch.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"

#include "base/status.h"
#include "reactor/log.h"

namespace rondo::reactor {
namespace {

std::string Text(int64_t nanoseconds) {
  return absl::FormatDuration(absl::Microseconds(nanoseconds / 1000));
}

}  // namespace

int64_t CallbackWatch::Note(int64_t began) {
  const int64_t took = sys::Now() - began;
  meter_.NoteCallback(took);
  ++callbacks_;
  longest_ = std::max(longest_, took);
  return took;
}

void CallbackWatch::LogCallback(std::string_view about, const char* what, int64_t took) {
  named_ += took;
  const auto text = [&] {
    const std::string own = about.empty() ? absl::StrCat("loop ", loop_index_) : std::string(about);
    return absl::StrCat(own, ": ", what, " took ", Text(took), ", and held up its loop (",
                        "Options::slow_callback is ", Text(limit_), ")");
  };
  (void)engine_.log().Write(LogKind::kSlow, LogSeverity::kWarning, text,
                            "a callback has held up its loop, and there is no memory to say which");
}

void CallbackWatch::CheckTurn() {
  const int64_t took = sys::Now() - meter_.turn_began();
  const bool is_slow = took - named_ > limit_;
  const size_t callbacks = std::exchange(callbacks_, 0);
  const int64_t longest = std::exchange(longest_, 0);
  named_ = 0;
  if (!is_slow) return;
  const auto text = [&] {
    return absl::StrCat("loop ", loop_index_, ": a turn took ", Text(took), ", with ", callbacks,
                        " callbacks, of which the longest took ", Text(longest), " (",
                        "Options::slow_callback is ", Text(limit_), ")");
  };
  (void)engine_.log().Write(LogKind::kSlow, LogSeverity::kWarning, text,
                            "a turn of a loop was slow, and there is no memory to say how slow");
}

}  // namespace rondo::reactor
