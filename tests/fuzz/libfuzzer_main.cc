// One target under libFuzzer: RONDO_FUZZ_TARGET is its name (clang -fsanitize=fuzzer).

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "tests/fuzz/targets.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const rondo::fuzz::Target target = [] {
    for (const rondo::fuzz::Target& each : rondo::fuzz::Targets()) {
      if (each.name == RONDO_FUZZ_TARGET) return each;
    }
    rondo::fuzz::Fail("no such target", RONDO_FUZZ_TARGET);
    return rondo::fuzz::Target();
  }();
  target.run(std::string_view(reinterpret_cast<const char*>(data), size));
  return 0;
}
