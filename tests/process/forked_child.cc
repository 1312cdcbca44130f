#include "tests/process/forked_child.h"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

namespace rondo::testing {
namespace {

pid_t ForkAndPause() {
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid != 0) return pid;
  // In the child, where only what is safe in a signal handler may be called.
  (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);
  while (::getppid() == parent) (void)::pause();
  ::_exit(0);
}

}  // namespace

ForkedChild::ForkedChild() : pid_(ForkAndPause()) {}

ForkedChild::~ForkedChild() {
  if (!running()) return;
  (void)::kill(pid_, SIGKILL);
  (void)::waitpid(pid_, nullptr, 0);
}

}  // namespace rondo::testing
