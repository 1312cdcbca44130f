// The result of a run: one JSON line for programs, a sentence or two for people.
#ifndef BENCHMARKS_LOAD_REPORT_H_
#define BENCHMARKS_LOAD_REPORT_H_

#include <cstdint>
#include <string>

#include "load/plan.h"
#include "load/server_process.h"
#include "load/tally.h"

namespace load {

struct Report {
  double seconds = 0;  // Length of the measuring window.
  double connect_seconds = 0;
  Tally tally;
  ServerUsage before_connections;
  ServerUsage at_begin;
  ServerUsage at_end;
};

std::string ToJson(const Plan& plan, const Report& report);
std::string ToText(const Plan& plan, const Report& report);

}  // namespace load

#endif  // BENCHMARKS_LOAD_REPORT_H_
