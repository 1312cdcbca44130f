#include "tests/process/command.h"

#include <sys/wait.h>

#include <array>
#include <cstdio>

namespace rondo::testing {

CommandResult RunCommand(const std::string& command) {
  FILE* pipe = ::popen(("{ " + command + "\n} 2>&1").c_str(), "r");
  if (pipe == nullptr) return {127, "popen failed: " + command};
  CommandResult result = {};
  std::array<char, 4096> part;
  while (const size_t length = std::fread(part.data(), 1, part.size(), pipe)) {
    result.output.append(part.data(), length);
  }
  const int status = ::pclose(pipe);
  result.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return result;
}

}  // namespace rondo::testing
