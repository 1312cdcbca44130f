// ForkedChild is a child of the test's process that was forked and calls no exec: it holds a copy
// of every descriptor that the thread which made it had, and does nothing. It ends with the object,
// or with that thread. For one thread at a time.

#ifndef RONDO_TESTS_PROCESS_FORKED_CHILD_H_
#define RONDO_TESTS_PROCESS_FORKED_CHILD_H_

#include <sys/types.h>

namespace rondo::testing {

class ForkedChild {
 public:
  ForkedChild();
  ForkedChild(const ForkedChild&) = delete;
  ForkedChild& operator=(const ForkedChild&) = delete;
  ~ForkedChild();

  bool running() const { return pid_ > 0; }

 private:
  const pid_t pid_;
};

}  // namespace rondo::testing

#endif  // RONDO_TESTS_PROCESS_FORKED_CHILD_H_
