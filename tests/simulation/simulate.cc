// Runs scenarios by their seeds: what tests/simulate builds and calls.
//
//   simulate --seed N [--trace]    one of them, and how it ended; with a line for each call
//   simulate --seeds A..B          a campaign: the first violation, or its figures
//
// Exit status 1 when a rule was broken, or a run with the same seed was not the same.

#include <sys/resource.h>

#include <charconv>
#include <cstdint>
#include <cstdio>
#include <map>
#include <string>
#include <string_view>

#include "tests/simulation/scenario.h"

namespace rondo::simulation {
namespace {

struct Arguments {
  uint64_t first = 0;
  uint64_t last = 0;
  bool trace = false;
};

bool Parse(int count, char** words, Arguments* arguments) {
  const auto number = [](std::string_view text, uint64_t* value) {
    const char* const end = text.data() + text.size();
    return std::from_chars(text.data(), end, *value).ptr == end && !text.empty();
  };
  for (int i = 1; i < count; ++i) {
    const std::string_view word = words[i];
    if (word == "--trace") {
      arguments->trace = true;
      continue;
    }
    if (++i == count) return false;
    const std::string_view value = words[i];
    const size_t dots = value.find("..");
    if (word == "--seed" && number(value, &arguments->first)) {
      arguments->last = arguments->first;
    } else if (word != "--seeds" || dots == value.npos ||
               !number(value.substr(0, dots), &arguments->first) ||
               !number(value.substr(dots + 2), &arguments->last)) {
      return false;
    }
  }
  return count > 1 && arguments->first <= arguments->last;
}

double CpuSeconds() {
  rusage usage;
  (void)::getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

void Print(const Report& report) {
  std::printf("seed %llu: %s\n", static_cast<unsigned long long>(report.seed),
              report.drawn.c_str());
  for (const std::string& violation : report.violations) {
    std::printf("  violation: %s\n", violation.c_str());
  }
  std::printf("  %llu connections, %llu exchanges, %llu calls, %.3f s of virtual time, "
              "trace %016llx\n",
              static_cast<unsigned long long>(report.connections),
              static_cast<unsigned long long>(report.exchanges),
              static_cast<unsigned long long>(report.calls),
              static_cast<double>(report.elapsed) / 1e9,
              static_cast<unsigned long long>(report.trace_hash));
}

int RunOne(const Arguments& arguments) {
  const auto print = [](std::string_view line) {
    std::printf("%.*s\n", static_cast<int>(line.size()), line.data());
  };
  const Trace::Sink sink = arguments.trace ? Trace::Sink(print) : nullptr;
  const Report report = RunScenario(arguments.first, sink);
  Print(report);
  const bool same = RunScenario(arguments.first).trace_hash == report.trace_hash;
  if (!same) std::printf("  a second run was not the same\n");
  return report.violations.empty() && same ? 0 : 1;
}

int RunCampaign(const Arguments& arguments) {
  std::map<std::string, uint64_t> reached;
  double hours = 0;
  uint64_t exchanges = 0, calls = 0;
  const double begin = CpuSeconds();
  for (uint64_t seed = arguments.first; seed <= arguments.last; ++seed) {
    const Report report = RunScenario(seed);
    for (const auto& [name, count] : report.reached) reached[name] += count;
    hours += static_cast<double>(report.elapsed) / 3600e9;
    exchanges += report.exchanges;
    calls += report.calls;
    if (report.violations.empty()) continue;
    Print(report);
    return 1;
  }
  const double seconds = CpuSeconds() - begin;
  const auto seeds = static_cast<double>(arguments.last - arguments.first + 1);
  std::printf("%.0f seeds, no violation: %.0f seeds/s, %.1f virtual hours/min, %.0f exchanges and "
              "%.0f calls a seed\n",
              seeds, seeds / seconds, hours / seconds * 60, static_cast<double>(exchanges) / seeds,
              static_cast<double>(calls) / seeds);
  for (const auto& [name, count] : reached) {
    std::printf("  %12llu  %s\n", static_cast<unsigned long long>(count), name.c_str());
  }
  return 0;
}

}  // namespace
}  // namespace rondo::simulation

int main(int argc, char** argv) {
  using namespace rondo::simulation;
  Arguments arguments;
  if (!Parse(argc, argv, &arguments)) {
    std::fprintf(stderr, "usage: simulate --seed N [--trace] | --seeds A..B\n");
    return 2;
  }
  return arguments.first == arguments.last ? RunOne(arguments) : RunCampaign(arguments);
}
