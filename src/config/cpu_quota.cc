#include "config/cpu_quota.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <string_view>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace rondo::config {
namespace {

using Fields = std::vector<std::string>;

constexpr double kNoLimit = std::numeric_limits<double>::infinity();

enum class Version { kOne, kTwo };

// The hierarchy that governs CPU time: version 1 where its controller is mounted, else version 2.
struct Hierarchy {
  Version version;
  // The process's group, from the hierarchy's root: "/", "/system.slice/x.service".
  std::string group;
};

// Where a part of a hierarchy can be seen: the group `root` and those below it are at `point`.
struct Mount {
  std::string root;
  std::string point;
};

bool HasCpuController(const std::string& controllers) {
  const Fields names = absl::StrSplit(controllers, ',');
  return std::find(names.begin(), names.end(), "cpu") != names.end();
}

// From /proc/self/cgroup, "ID:CONTROLLERS:GROUP" a line.
std::optional<Hierarchy> FindHierarchy(const std::string& text) {
  std::optional<Hierarchy> found;
  for (const auto line : absl::StrSplit(text, '\n')) {
    const Fields fields = absl::StrSplit(line, absl::MaxSplits(':', 2));
    if (fields.size() != 3) continue;
    if (HasCpuController(fields[1])) return Hierarchy{Version::kOne, fields[2]};
    if (fields[0] == "0" && fields[1].empty()) found = Hierarchy{Version::kTwo, fields[2]};
  }
  return found;
}

// From /proc/self/mountinfo (proc(5)): "... ROOT POINT OPTIONS ... - TYPE SOURCE SUPER_OPTIONS".
std::optional<Mount> FindMount(const std::string& text, Version version) {
  for (const auto line : absl::StrSplit(text, '\n')) {
    const std::vector<std::string> halves = absl::StrSplit(line, absl::MaxSplits(" - ", 1));
    if (halves.size() != 2) continue;
    const Fields mount = absl::StrSplit(halves[0], ' '), type = absl::StrSplit(halves[1], ' ');
    if (mount.size() < 5 || type.size() < 3) continue;
    const bool fits = version == Version::kTwo
                          ? type[0] == "cgroup2"
                          : type[0] == "cgroup" && HasCpuController(type[2]);
    if (fits) return Mount{mount[3], mount[4]};
  }
  return std::nullopt;
}

double Ratio(const std::string& quota, const std::string& period) {
  double used = 0, of = 0;
  if (!absl::SimpleAtod(quota, &used) || !absl::SimpleAtod(period, &of)) return kNoLimit;
  return used > 0 && of > 0 ? used / of : kNoLimit;
}

// The limit of the group whose files are in `folder` alone; "max" and -1 are none.
double QuotaIn(const std::string& folder, Version version, ReadText text_of) {
  if (version == Version::kOne) {
    return Ratio(text_of(folder + "/cpu.cfs_quota_us"), text_of(folder + "/cpu.cfs_period_us"));
  }
  const Fields fields =
      absl::StrSplit(text_of(folder + "/cpu.max"), absl::ByAnyChar(" \n"), absl::SkipEmpty());
  return fields.size() == 2 ? Ratio(fields[0], fields[1]) : kNoLimit;
}

}  // namespace

double CpuQuota(ReadText text_of) {
  const std::optional<Hierarchy> hierarchy = FindHierarchy(text_of("/proc/self/cgroup"));
  if (!hierarchy) return kNoLimit;
  const std::optional<Mount> mount = FindMount(text_of("/proc/self/mountinfo"), hierarchy->version);
  if (!mount) return kNoLimit;
  // A container may see no more than its own group, as the root of what is mounted.
  std::string group = hierarchy->group;
  if (mount->root != "/" && absl::StartsWith(group, mount->root)) {
    group.erase(0, mount->root.size());
  }
  double least = QuotaIn(mount->point, hierarchy->version, text_of);
  std::string folder = mount->point;
  for (const auto name : absl::StrSplit(group, '/', absl::SkipEmpty())) {
    folder.append("/").append(name.data(), name.size());
    least = std::min(least, QuotaIn(folder, hierarchy->version, text_of));
  }
  return least;
}

int LoopsFor(int cpus, double quota) {
  return quota < cpus ? std::max(1, static_cast<int>(std::ceil(quota))) : cpus;
}

}  // namespace rondo::config
