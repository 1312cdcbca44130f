#include "reactor/log.h"

#include <algorithm>
#include <new>
#include <utility>

#include "absl/strings/str_cat.h"

#include "base/status.h"
#include "reactor/clock.h"

namespace rondo::reactor {
namespace {

constexpr Tick kInterval = 1000;
constexpr Tick kBurst = 10;

}  // namespace

Log::Log(Sink sink) : sink_(std::move(sink)) {}

bool Log::Write(LogKind kind, LogSeverity severity, std::string_view text) {
  if (!Admit(kind)) return false;
  WriteAdmitted(kind, severity, text);
  return true;
}

bool Log::Write(LogKind kind, LogSeverity severity, absl::FunctionRef<std::string()> text,
                std::string_view short_text) {
  if (!Admit(kind)) return false;
  std::string whole;
  try {
    whole = text();
  } catch (const std::bad_alloc&) {
  }
  WriteAdmitted(kind, severity, whole.empty() ? short_text : std::string_view(whole));
  return true;
}

bool Log::Admit(LogKind kind) {
  if (kind == LogKind::kLifecycle) return true;
  const Tick now = Clock::Current();
  absl::MutexLock lock(&mutex_);
  Limit& limit = At(kind);
  const Tick next = std::max(limit.next, now);
  if (next > now + (kBurst - 1) * kInterval) {
    ++limit.left_out;
    return false;
  }
  limit.next = next + kInterval;
  return true;
}

// The lock is not held while the user's log runs, which may take its time, or cause another line.
void Log::WriteAdmitted(LogKind kind, LogSeverity severity, std::string_view text) {
  size_t left_out = 0;
  {
    absl::MutexLock lock(&mutex_);
    left_out = std::exchange(At(kind).left_out, 0);
  }
  if (left_out == 0) return sink_(severity, text);
  std::string whole;
  try {
    whole = absl::StrCat(base::ToAbsl(text), " (left out before it: ", left_out, " like this)");
  } catch (const std::bad_alloc&) {
    absl::MutexLock lock(&mutex_);
    At(kind).left_out += left_out;
  }
  sink_(severity, whole.empty() ? text : std::string_view(whole));
}

}  // namespace rondo::reactor
