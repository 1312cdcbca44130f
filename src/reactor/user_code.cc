#include "reactor/user_code.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <exception>
#include <new>
#include <string>

#include "absl/strings/str_cat.h"

#include "base/status.h"

namespace rondo::reactor {
namespace {

// A text on the stack, cut off at its end: for when there is no memory for a string.
class Text {
 public:
  void Append(std::string_view more) {
    more = more.substr(0, text_.size() - length_);
    std::copy(more.begin(), more.end(), text_.begin() + static_cast<std::ptrdiff_t>(length_));
    length_ += more.size();
  }
  std::string_view view() const { return {text_.data(), length_}; }

 private:
  std::array<char, 512> text_;
  size_t length_ = 0;
};

}  // namespace

absl::Status UserCode::ReportThrown(EngineLink& engine, LogKind kind, const char* who) {
  return Thrown(who, [&](std::string_view text) {
    (void)engine.log().Write(kind, LogSeverity::kError, text);
  });
}

absl::Status UserCode::Thrown(const char* who, absl::FunctionRef<void(std::string_view)> log) {
  const auto report = [&](absl::StatusCode code, const char* said, const char* what) {
    Text cut_off;
    std::string whole;
    std::string_view text;
    try {
      text = whole = absl::StrCat(who, said, what);
    } catch (const std::bad_alloc&) {
      for (const char* const part : {who, said, what}) cut_off.Append(part);
      text = cut_off.view();
    }
    log(text);
    return base::StatusOrCode(code, text);
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
