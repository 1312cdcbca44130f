#include <algorithm>
#include <cstring>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

#include "rondo/codecs/delimiter_codec.h"

#include "codecs/encoding.h"

namespace rondo {
namespace {

constexpr std::string_view kName = "DelimiterCodec";

std::string Quoted(std::string_view text) {
  return absl::StrCat("\"", absl::CEscape(absl::string_view(text.data(), text.size())), "\"");
}

FrameError TooLong(uint64_t length, uint64_t max) {
  return {.code = absl::StatusCode::kResourceExhausted,
          .text = "DelimiterCodec: frame too long",
          .offset = max,
          .value = length,
          .limit = max};
}

// A delimiter may be the end of a longer one (LF of CR LF). Anywhere else inside the longer one, it
// would end the frame in the middle of it, depending on how much has arrived.
absl::Status CheckPair(std::string_view longer, std::string_view shorter) {
  const size_t at = longer.find(shorter);
  if (at == std::string_view::npos) return absl::OkStatus();
  if (longer != shorter && at == longer.size() - shorter.size()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("DelimiterCodec: delimiter ", Quoted(shorter),
                                                 " occurs inside of ", Quoted(longer),
                                                 "; leave one of them out"));
}

absl::Status CheckDelimiters(const std::vector<std::string>& longest_first) {
  if (longest_first.empty()) {
    return absl::InvalidArgumentError("DelimiterCodec: no delimiters; give one or more");
  }
  for (size_t i = 0; i < longest_first.size(); ++i) {
    const std::string& delimiter = longest_first[i];
    if (delimiter.empty() || delimiter.size() > EncodedFrame::kRoomBytes) {
      return absl::InvalidArgumentError(absl::StrCat("DelimiterCodec: a delimiter of ",
                                                     delimiter.size(), " bytes; 1 to ",
                                                     EncodedFrame::kRoomBytes, " are possible"));
    }
    for (size_t j = 0; j < i; ++j) {
      if (absl::Status status = CheckPair(longest_first[j], delimiter); !status.ok()) return status;
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<DelimiterCodec> DelimiterCodec::Create(MaxFrameBytes max,
                                                      std::vector<std::string> delimiters,
                                                      const Options& options) {
  DelimiterCodec codec;
  codec.max_ = max.value;
  codec.options_ = options;
  if (!delimiters.empty()) codec.written_ = delimiters[0];
  std::stable_sort(delimiters.begin(), delimiters.end(),
                   [](const auto& a, const auto& b) { return a.size() > b.size(); });
  if (absl::Status status = CheckDelimiters(delimiters); !status.ok()) return status;
  for (const std::string& delimiter : delimiters) {
    codec.last_bytes_.set(static_cast<unsigned char>(delimiter.back()));
  }
  codec.one_last_byte_ = codec.last_bytes_.count() == 1;
  codec.delimiters_ = std::move(delimiters);
  return codec;
}

// The length of the longest delimiter that ends just before `end`; 0: none.
size_t DelimiterCodec::EndsAt(std::string_view input, size_t end) const {
  const std::string_view head = input.substr(0, end);
  for (const std::string& delimiter : delimiters_) {
    if (head.ends_with(delimiter)) return delimiter.size();
  }
  return 0;
}

// The first delimiter whose last byte is at `from` or later.
DelimiterCodec::Match DelimiterCodec::Find(std::string_view input, size_t from) const {
  for (size_t i = from; i < input.size(); ++i) {
    if (one_last_byte_) {
      const void* found = std::memchr(input.data() + i, written_.back(), input.size() - i);
      if (found == nullptr) return {};
      i = static_cast<size_t>(static_cast<const char*>(found) - input.data());
    } else if (!last_bytes_[static_cast<unsigned char>(input[i])]) {
      continue;
    }
    if (const size_t bytes = EndsAt(input, i + 1); bytes > 0) return {i + 1, bytes};
  }
  return {};
}

Decoded DelimiterCodec::Decode(std::string_view input, State& state) const {
  if (state.skipping) return SkipFrame(input, state);
  const size_t longest = delimiters_.front().size();
  // Looks no further than the longest frame and its delimiter can reach, so that the result does
  // not depend on how much has arrived.
  const std::string_view window = input.substr(0, max_ + longest);
  const Match match = Find(window, state.scanned);
  if (match.end > 0) {
    state = {};
    const size_t length = match.end - match.delimiter_bytes;
    if (length > max_) return Decoded::Error(TooLong(length, max_), match.end);
    return Decoded::Frame(input.substr(0, options_.keep_delimiter ? match.end : length), match.end);
  }
  state.scanned = window.size();
  if (window.size() < max_ + longest) return Decoded::NeedMore(window.size() + 1);
  // The last bytes may be the beginning of a delimiter: they are not consumed.
  const size_t consumed = window.size() - (longest - 1);
  state = {.scanned = longest - 1, .skipped = consumed, .skipping = 1};
  if (options_.report == ReportTooLong::kAfterSkipping) return Decoded::Skip(consumed);
  return Decoded::Error(TooLong(max_ + 1, max_), consumed);
}

Decoded DelimiterCodec::SkipFrame(std::string_view input, State& state) const {
  const Match match = Find(input, state.scanned);
  if (match.end > 0) {
    const uint64_t length = state.skipped + match.end - match.delimiter_bytes;
    state = {};
    if (options_.report == ReportTooLong::kAtOnce) return Decoded::Skip(match.end);
    return Decoded::Error(TooLong(length, max_), match.end);
  }
  const size_t kept = std::min(input.size(), delimiters_.front().size() - 1);
  state.scanned = kept;
  if (kept == input.size()) return Decoded::NeedMore(kept + 1);
  state.skipped += input.size() - kept;
  return Decoded::Skip(input.size() - kept);
}

absl::Status DelimiterCodec::Encode(EncodedFrame& frame) const {
  std::string scratch;
  const std::string_view whole = codecs::Flatten(frame, scratch);
  const Match match = Find(whole, 0);
  size_t length = whole.size();
  if (options_.keep_delimiter) {
    if (match.end == 0 || match.end != whole.size()) {
      return codecs::BadPayload(kName, "the payload is not one frame with its delimiter");
    }
    length -= match.delimiter_bytes;
  } else if (match.end > 0) {
    return codecs::BadPayload(kName, "the payload has a delimiter in it");
  }
  if (length > max_) return codecs::PayloadTooLong(kName, length, max_);
  if (options_.keep_delimiter) return absl::OkStatus();
  // The payload's last bytes and the delimiter's first bytes may form another delimiter.
  const size_t tail_bytes = std::min(whole.size(), delimiters_.front().size() - 1);
  const std::string seam =
      absl::StrCat(std::string(whole.substr(whole.size() - tail_bytes)), written_);
  const Match first = Find(seam, 0);
  if (first.end != seam.size() || first.delimiter_bytes != written_.size()) {
    return codecs::BadPayload(kName,
                              "the payload's last bytes and the delimiter make an earlier one");
  }
  return codecs::AppendTo(frame, kName, written_);
}

}  // namespace rondo
