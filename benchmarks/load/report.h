// The result of a run: one JSON line for programs, a sentence or two for people.
#ifndef RONDO_BENCHMARKS_LOAD_REPORT_H_
#define RONDO_BENCHMARKS_LOAD_REPORT_H_

#include <cstdint>
#include <string>

#include "benchmarks/load/plan.h"
#include "benchmarks/load/server_process.h"
#include "benchmarks/load/tally.h"

namespace load {

struct Report {
  double seconds = 0;  // Length of the measuring window.
  double connect_seconds = 0;
  Tally tally;
  ServerUsage before_connections;
  ServerUsage at_begin;
  ServerUsage at_end;
  // With all connections open, when nothing has happened yet, and nothing any more.
  ServerUsage rested_before;
  ServerUsage rested_after;
};

std::string ToJson(const Plan& plan, const Report& report);
std::string ToText(const Plan& plan, const Report& report);

}  // namespace load

#endif  // RONDO_BENCHMARKS_LOAD_REPORT_H_
