// The modes by name, and the roles of which each is a mix.
#ifndef RONDO_BENCHMARKS_LOAD_MODES_H_
#define RONDO_BENCHMARKS_LOAD_MODES_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "benchmarks/load/plan.h"

namespace load {

// What the flags said.
struct ModeRequest {
  std::string mode;
  int connections = 64;
  int active = 0;
  int message_bytes = 64;
  int reply_bytes = 0;
  int depth = 1;
  double rate = 0;
};

std::string ModesHelp();

// InvalidArgument, with the name of the flag, for an unknown mode or a number out of range.
absl::StatusOr<std::vector<Role>> RolesOf(const ModeRequest& request);

}  // namespace load

#endif  // RONDO_BENCHMARKS_LOAD_MODES_H_
