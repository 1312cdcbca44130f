// What the fuzz tests share: a server that is set up by chance, from a seed, in every way that
// conformance tests it in. The seeds are fixed, so that each run does the same as far as threads
// let it. One that fails prints how to run it again; for a campaign with other seeds:
//
//   RONDO_FIRST_SEED=1000 tests/run FuzzTest

#ifndef RONDO_TESTS_STRESS_FUZZ_FUZZ_H_
#define RONDO_TESTS_STRESS_FUZZ_FUZZ_H_

#include <random>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/server/server_test.h"

namespace rondo::testing {

struct FuzzCase {
  Setup setup;
  unsigned seed = 1;
};

// So many seeds for each setup; one under a sanitizer.
std::vector<FuzzCase> FuzzCases(unsigned seeds);
// "EpollEdge_ReusePort_2_Seed1"
std::string NameOfFuzz(const ::testing::TestParamInfo<FuzzCase>& fuzz);

class FuzzTest : public ServerTest, public ::testing::WithParamInterface<FuzzCase> {
 protected:
  FuzzTest();
  void TearDown() override;

  // 0 to `bound` - 1.
  size_t Random(size_t bound) { return random_() % bound; }
  // Many small numbers and a few large ones, from 1 to `bound`.
  size_t RandomLength(size_t bound);

  std::mt19937 random_;

 private:
  const SwapCaseFactory swap_case_;
};

}  // namespace rondo::testing

#endif  // RONDO_TESTS_STRESS_FUZZ_FUZZ_H_
