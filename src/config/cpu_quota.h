// How much of the CPUs the control groups of this process let it use. A container often sees all
// CPUs of its machine and may use few of them: a loop for each would only wait for its turn.
// cgroups(7); the kernel's admin-guide/cgroup-v2.rst (cpu.max) and scheduler/sched-bwc.rst
// (cpu.cfs_quota_us).

#ifndef RONDO_CONFIG_CPU_QUOTA_H_
#define RONDO_CONFIG_CPU_QUOTA_H_

#include <string>

#include "absl/functional/function_ref.h"

namespace rondo::config {

// What the file of that name holds; empty when there is none.
using ReadText = absl::FunctionRef<std::string(const std::string& path)>;

// In CPUs, such as 2.5; the least of the process's own group and of those above it that can be
// seen. Infinity: there is no limit, or no control groups.
double CpuQuota(ReadText text_of);

// How many loops are one for each CPU: no more than `cpus`, which the process may run on, nor than
// the quota rounded up.
int LoopsFor(int cpus, double quota);

}  // namespace rondo::config

#endif  // RONDO_CONFIG_CPU_QUOTA_H_
