// A ratchet holds things to a budget and knows those that are over it today: each entry of its list
// says how much one of them may have. An entry that allows more than is needed is a problem too, so
// that the list only shrinks.

#ifndef RONDO_TESTS_TIDY_RATCHET_H_
#define RONDO_TESTS_TIDY_RATCHET_H_

#include <set>
#include <string>
#include <vector>

#include "tests/tidy/tables.h"

namespace rondo::tidy {

// "src/net/socket.cc:12: what is wrong; the cure".
using Problems = std::vector<std::string>;

std::string At(const std::string& path, int line);

struct Budget {
  int most;
  std::string unit;  // "lines"
  std::string cure;  // what to do about one that is over it
  // An entry may allow so many more than are needed.
  int slack = 0;
};

// Holds the thing `name`, which has `count` units, to `budget` or to its entry in `exceptions`.
Problems RatchetProblems(const std::string& where, const std::string& name, int count,
                         const Budget& budget, const Ratchet& exceptions);

// Entries of `exceptions` that are not the name of anything in `there`.
Problems GoneProblems(const std::set<std::string>& there, const Ratchet& exceptions);

}  // namespace rondo::tidy

#endif  // RONDO_TESTS_TIDY_RATCHET_H_
