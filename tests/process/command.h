// RunCommand runs a program to its end and keeps what it said: for tests that drive real tools.
// Blocks; may be called on any thread.

#ifndef RONDO_TESTS_PROCESS_COMMAND_H_
#define RONDO_TESTS_PROCESS_COMMAND_H_

#include <string>

namespace rondo::testing {

struct CommandResult {
  // The exit status, or 128 + the signal that ended it, as a shell would say it.
  int status;
  // Standard output and standard error, as they came.
  std::string output;
};

// Runs `command`, a line for the shell.
CommandResult RunCommand(const std::string& command);

}  // namespace rondo::testing

#endif  // RONDO_TESTS_PROCESS_COMMAND_H_
