#include "tests/fuzz/models.h"

#include <algorithm>

namespace rondo::fuzz {
namespace {

// The longest of `delimiters` that ends where `stream` does; empty: none.
std::string_view DelimiterAtEnd(std::string_view stream,
                                const std::vector<std::string>& delimiters) {
  std::string_view longest;
  for (const std::string& delimiter : delimiters) {
    if (stream.ends_with(delimiter) && delimiter.size() > longest.size()) longest = delimiter;
  }
  return longest;
}

}  // namespace

Expected ModelDelimited(std::string_view stream, size_t max,
                        const std::vector<std::string>& delimiters,
                        const DelimiterCodec::Options& options) {
  Expected expected;
  size_t begin = 0;
  for (size_t end = 1; end <= stream.size(); ++end) {
    const std::string_view frame = stream.substr(begin, end - begin);
    const std::string_view delimiter = DelimiterAtEnd(frame, delimiters);
    if (delimiter.empty()) continue;
    const size_t length = frame.size() - delimiter.size();
    if (length > max) {
      ++expected.errors;
    } else {
      expected.frames.emplace_back(frame.substr(0, options.keep_delimiter ? frame.size() : length));
    }
    begin = end;
  }
  return expected;
}

Expected ModelLines(std::string_view stream, size_t max, const LineCodec::Options& options) {
  std::vector<std::string> endings = {"\r\n"};
  if (options.ending == LineCodec::Options::kLfOrCrLf) endings.push_back("\n");
  return ModelDelimited(stream, max, endings, {.keep_delimiter = options.keep_ending});
}

Expected ModelLengthField(std::string_view stream, size_t max,
                          const LengthFieldCodec::Options& options) {
  Expected expected;
  const size_t field_bytes = static_cast<size_t>(options.length_bytes);
  const size_t header = options.length_offset + field_bytes;
  while (stream.size() >= header) {
    long double length = 0;  // Holds 64 bits and far more without wrapping.
    for (size_t i = 0; i < field_bytes; ++i) {
      const size_t index = options.byte_order == ByteOrder::kBigEndian ? i : field_bytes - 1 - i;
      length = length * 256 + static_cast<unsigned char>(stream[options.length_offset + index]);
    }
    const long double frame = length + static_cast<long double>(header) +
                              static_cast<long double>(options.length_adjustment);
    size_t consumed = 0;
    if (length >= 9223372036854775808.0L || frame < static_cast<long double>(header)) {
      ++expected.errors;
      break;
    } else if (frame > static_cast<long double>(max) ||
               frame < static_cast<long double>(options.strip_bytes.value_or(header))) {
      ++expected.errors;
      if (frame > static_cast<long double>(stream.size())) break;
      consumed = static_cast<size_t>(frame);
    } else {
      if (frame > static_cast<long double>(stream.size())) break;
      consumed = static_cast<size_t>(frame);
      const size_t strip = options.strip_bytes.value_or(header);
      expected.frames.emplace_back(stream.substr(strip, consumed - strip));
    }
    stream.remove_prefix(consumed);
  }
  return expected;
}

}  // namespace rondo::fuzz
