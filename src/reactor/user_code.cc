#include "reactor/user_code.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <exception>
#include <new>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"

#include "base/status.h"

namespace rondo::reactor {
namespace {

// Three texts as one; cut off at its end when there is no memory for all of it.
class Text {
 public:
  Text(std::string_view first, std::string_view second, std::string_view third) {
    try {
      whole_ = absl::StrCat(base::ToAbsl(first), base::ToAbsl(second), base::ToAbsl(third));
    } catch (const std::bad_alloc&) {
      for (const std::string_view part : {first, second, third}) Append(part);
    }
  }
  std::string_view view() const {
    return whole_.empty() ? std::string_view(cut_off_.data(), length_) : whole_;
  }

 private:
  void Append(std::string_view more) {
    more = more.substr(0, cut_off_.size() - length_);
    std::copy(more.begin(), more.end(), cut_off_.begin() + static_cast<std::ptrdiff_t>(length_));
    length_ += more.size();
  }

  std::string whole_;
  std::array<char, 512> cut_off_;
  size_t length_ = 0;
};

}  // namespace

Log::Sink UserCode::SinkOf(Log::Sink log) {
  return [log = std::move(log)](LogSeverity severity, std::string_view text) {
    if (log) RunUnreported([&] { log(severity, text); });
  };
}

absl::Status UserCode::ReportThrown(Log& log, LogKind kind, const char* who,
                                    std::string_view about) {
  return Thrown(who, [&](std::string_view text) {
    const Text line(about, about.empty() ? "" : ": ", text);
    (void)log.Write(kind, LogSeverity::kError, line.view());
  });
}

absl::Status UserCode::Thrown(const char* who, absl::FunctionRef<void(std::string_view)> log) {
  const auto report = [&](absl::StatusCode code, const char* said, const char* what) {
    const Text text(who, said, what);
    log(text.view());
    return base::StatusOrCode(code, text.view());
  };
  try {
    throw;
  } catch (const std::bad_alloc& exception) {
    return report(absl::StatusCode::kResourceExhausted, " threw: ", exception.what());
  } catch (const std::exception& exception) {
    return report(absl::StatusCode::kInternal, " threw: ", exception.what());
  } catch (...) {
    return report(absl::StatusCode::kInternal, " threw something that is no std::exception", "");
  }
}

}  // namespace rondo::reactor
