#include "benchmarks/load/pattern.h"

namespace load {

const Pattern& Pattern::Get() {
  static const Pattern pattern;
  return pattern;
}

Pattern::Pattern() {
  uint64_t state = 0x9e3779b97f4a7c15;
  for (size_t i = 0; i < table_.size(); ++i) {
    if (i >= kPeriod) {
      table_[i] = table_[i - kPeriod];
      continue;
    }
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    table_[i] = static_cast<char>(state >> 32);
  }
}

}  // namespace load
