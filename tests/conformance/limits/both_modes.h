// BothModes is each poller in both accept modes, with two loops: the setups for what takes its time
// and depends on who accepts.

#ifndef RONDO_TESTS_CONFORMANCE_LIMITS_BOTH_MODES_H_
#define RONDO_TESTS_CONFORMANCE_LIMITS_BOTH_MODES_H_

#include <vector>

#include "tests/server/server_test.h"

namespace rondo::testing {

inline std::vector<Setup> BothModes() {
  std::vector<Setup> setups = Setups();
  std::erase_if(setups, [](const Setup& setup) {
    return setup.loops == 1 || setup.private_descriptor_tables || setup.swaps_case;
  });
  return setups;
}

}  // namespace rondo::testing

#endif  // RONDO_TESTS_CONFORMANCE_LIMITS_BOTH_MODES_H_
