#include "tests/server/swap_case.h"

#include <algorithm>
#include <memory>

namespace rondo::testing {
namespace {

// What one call of Decode gives at the most.
constexpr size_t kDecodedAtOnce = 20'000;

char Swapped(char c) {
  const bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  return is_letter ? static_cast<char>(c ^ 0x20) : c;
}

class SwapCaseTransform final : public buffer::ByteTransform {
 public:
  absl::Status Decode(std::string_view wire, End, Sink plain, Sink reply) override {
    if (!greeted_) reply(kSwapGreeting);
    greeted_ = true;
    held_.append(wire);
    const size_t length = std::min(held_.size(), kDecodedAtOnce);
    if (length > 0) plain(SwapCase(std::string_view(held_).substr(0, length)));
    held_.erase(0, length);
    return absl::OkStatus();
  }
  size_t pending() const override { return held_.size(); }
  absl::Status Encode(std::string_view plain, End end, Sink wire) override {
    if (!greeted_) wire(kSwapGreeting);
    greeted_ = true;
    wire(SwapCase(plain));
    if (end == End::kYes) wire(kSwapEnd);
    return absl::OkStatus();
  }

 private:
  bool greeted_ = false;
  std::string held_;
};

}  // namespace

std::string SwapCase(std::string_view bytes) {
  std::string swapped(bytes);
  std::transform(swapped.begin(), swapped.end(), swapped.begin(), Swapped);
  return swapped;
}

std::unique_ptr<buffer::ByteTransform> SwapCaseFactory::New() const {
  return std::make_unique<SwapCaseTransform>();
}

}  // namespace rondo::testing
