#include "benchmarks/load/server_process.h"

#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>

namespace load {

ServerUsage ReadServerUsage(int pid) {
  ServerUsage usage;
  if (pid == 0) return usage;
  std::string root = "/proc/" + std::to_string(pid);
  std::error_code error;
  for (const auto& task : std::filesystem::directory_iterator(root + "/task", error)) {
    // "time on the CPU, time waiting for one, time slices", in nanoseconds.
    uint64_t on_cpu_ns = 0;
    uint64_t waited_ns = 0;
    if (std::ifstream(task.path() / "schedstat") >> on_cpu_ns >> waited_ns) {
      usage.cpu_ns += on_cpu_ns;
      usage.waited_ns += waited_ns;
    }
  }
  std::ifstream status(root + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.rfind("VmRSS:", 0) == 0) usage.resident_kib = std::stoull(line.substr(6));
    if (line.rfind("VmHWM:", 0) == 0) usage.peak_kib = std::stoull(line.substr(6));
  }
  return usage;
}

}  // namespace load
