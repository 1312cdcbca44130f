#include "tests/stress/fuzz/fuzz.h"

#include <cstdlib>
#include <iostream>

#include "absl/strings/str_cat.h"

#include "tests/process/requirements.h"

namespace rondo::testing {
namespace {

unsigned FirstSeed() {
  const char* const given = std::getenv("RONDO_FIRST_SEED");
  return given == nullptr ? 1 : static_cast<unsigned>(std::strtoul(given, nullptr, 10));
}

}  // namespace

std::vector<FuzzCase> FuzzCases(unsigned seeds) {
  std::vector<FuzzCase> cases;
  for (const Setup& setup : Setups()) {
    for (unsigned i = 0; i < (RONDO_SANITIZED ? 1 : seeds); ++i) {
      cases.push_back({setup, FirstSeed() + i});
    }
  }
  return cases;
}

std::string NameOfFuzz(const ::testing::TestParamInfo<FuzzCase>& fuzz) {
  return absl::StrCat(NameOf(::testing::TestParamInfo<Setup>(fuzz.param.setup, 0)), "_Seed",
                      fuzz.param.seed);
}

FuzzTest::FuzzTest() : random_(GetParam().seed) {
  const auto& setup = GetParam().setup;
  SkipWhatLacks(Lacks(setup));
  options.poller = setup.poller;
  options.accept_mode = setup.accept_mode;
  options.loops = setup.loops;
  options.private_descriptor_tables = setup.private_descriptor_tables;
  if (setup.swaps_case) transform = &swap_case_;

  constexpr size_t kReadBuffers[] = {1024, 4096, 20'000, 128 << 10};
  options.read_buffer_bytes = kReadBuffers[Random(4)];
  ConnectionOptions& connection = options.connection;
  connection.outbound_high_bytes = size_t{4096} << Random(7);
  connection.outbound_low_bytes = connection.outbound_high_bytes / (1 + Random(4));
  if (Random(2) == 0) connection.socket.send_buffer_bytes = size_t{8192} << Random(4);
  if (Random(3) == 0) connection.idle_timeout = absl::Minutes(1);
  connection.close_timeout = absl::Minutes(1);
}

void FuzzTest::TearDown() {
  ServerTest::TearDown();
  if (!HasFailure()) return;
  const ::testing::TestInfo* const test = ::testing::UnitTest::GetInstance()->current_test_info();
  std::cout << "To run it again: RONDO_FIRST_SEED=" << GetParam().seed << " tests/run '"
            << test->test_suite_name() << "." << test->name() << "'" << std::endl;
}

size_t FuzzTest::RandomLength(size_t bound) {
  return 1 + Random(Random(4) == 0 ? bound : bound / 50 + 1);
}

}  // namespace rondo::testing
