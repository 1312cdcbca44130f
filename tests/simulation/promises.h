// Promises counts what the library has promised to do once (run a `done`, or a task that it took)
// and holds it to that: never twice, and by the end of the engine. One simulation's; it must
// outlive the engine.

#ifndef RONDO_TESTS_SIMULATION_PROMISES_H_
#define RONDO_TESTS_SIMULATION_PROMISES_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

namespace rondo::simulation {

class Promises {
 public:
  // To do `what`, from now on. Returns the promise's number.
  size_t Make(const char* what) {
    kept_.push_back({what, 0});
    return kept_.size() - 1;
  }
  void Keep(size_t promise) { ++kept_[promise].times; }
  // It was not made after all: the call said so.
  void Withdraw(size_t promise) { kept_[promise].withdrawn = true; }

  size_t made() const { return kept_.size(); }
  // What was not kept once.
  std::vector<std::string> Broken() const {
    std::vector<std::string> broken;
    for (const Promise& promise : kept_) {
      const int expected = promise.withdrawn ? 0 : 1;
      if (promise.times == expected) continue;
      broken.push_back(absl::StrCat(promise.what, " happened ", promise.times, " times, not ",
                                    expected));
    }
    return broken;
  }

 private:
  struct Promise {
    const char* what;
    int times;
    bool withdrawn = false;
  };

  std::vector<Promise> kept_;
};

}  // namespace rondo::simulation

#endif  // RONDO_TESTS_SIMULATION_PROMISES_H_
