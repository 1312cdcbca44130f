// The replies of the Redis example, in RESP: one behind the other. Kept by a handler, on whose loop
// alone it is used.

#ifndef RONDO_EXAMPLES_REDIS_REPLY_H_
#define RONDO_EXAMPLES_REDIS_REPLY_H_

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace examples {

// What a reply of many values may be: a short request may name one long value very often.
inline constexpr size_t kMostReplyBytes = 32 << 20;

class Reply {
 public:
  void Raw(std::string_view text) { text_.append(text); }
  void Header(char kind, int64_t number) {
    char digits[24];
    const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
    text_.push_back(kind);
    text_.append(digits, end);
    text_.append("\r\n");
  }
  void Integer(int64_t number) { Header(':', number); }
  void Bulk(std::string_view text) {
    Header('$', static_cast<int64_t>(text.size()));
    text_.append(text);
    text_.append("\r\n");
  }
  // The beginning of what the peer has sent, for an error. An error is one line: a line's end
  // inside it would begin another reply.
  void Quote(std::string_view text) {
    for (const char c : text.substr(0, 64)) text_.push_back(c == '\r' || c == '\n' ? ' ' : c);
  }
  // One long reply does not keep its memory for ever.
  void Clear() {
    if (text_.capacity() > (1 << 20)) text_ = std::string();
    text_.clear();
  }
  size_t size() const { return text_.size(); }
  // Takes back what was written behind the first `size` bytes.
  void ShortenTo(size_t size) { text_.resize(size); }
  std::string_view text() const { return text_; }

 private:
  std::string text_;
};

}  // namespace examples

#endif  // RONDO_EXAMPLES_REDIS_REPLY_H_
