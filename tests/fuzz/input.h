// A fuzzer's bytes, taken apart: choices first, then the rest.

#ifndef RONDO_TESTS_FUZZ_INPUT_H_
#define RONDO_TESTS_FUZZ_INPUT_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace rondo::fuzz {

class Input {
 public:
  explicit Input(std::string_view data) : data_(data) {}

  uint8_t Byte() {
    if (data_.empty()) return 0;
    const uint8_t byte = static_cast<uint8_t>(data_.front());
    data_.remove_prefix(1);
    return byte;
  }
  bool Bool() { return (Byte() & 1) != 0; }
  // 0 to `most`, which is below 256.
  size_t UpTo(size_t most) { return Byte() % (most + 1); }
  // Up to `most` bytes.
  std::string Text(size_t most) {
    const size_t bytes = UpTo(most);
    const std::string text(data_.substr(0, bytes));
    data_.remove_prefix(text.size());
    return text;
  }
  std::string_view Rest() const { return data_; }

 private:
  std::string_view data_;
};

}  // namespace rondo::fuzz

#endif  // RONDO_TESTS_FUZZ_INPUT_H_
