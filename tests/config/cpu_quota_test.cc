// Each case is what the files of a kind of system hold; all that is not there reads as empty.

#include "config/cpu_quota.h"

#include <limits>
#include <map>
#include <string>

#include "gtest/gtest.h"

namespace rondo::config {
namespace {

using Files = std::map<std::string, std::string>;

constexpr double kNoLimit = std::numeric_limits<double>::infinity();

double QuotaOf(const Files& files) {
  return CpuQuota([&](const std::string& path) {
    const auto found = files.find(path);
    return found == files.end() ? std::string() : found->second;
  });
}

Files VersionTwo(const std::string& group, Files files, const std::string& root = "/") {
  files["/proc/self/cgroup"] = "0::" + group + "\n";
  files["/proc/self/mountinfo"] =
      "22 28 0:21 / /proc rw,nosuid shared:5 - proc proc rw\n"
      "30 23 0:26 " + root + " /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n";
  return files;
}

Files VersionOne(const std::string& group, Files files, const std::string& root = "/") {
  files["/proc/self/cgroup"] = "12:memory:/elsewhere\n3:cpu,cpuacct:" + group + "\n0::/other\n";
  files["/proc/self/mountinfo"] =
      "33 32 0:29 / /sys/fs/cgroup/unified rw shared:10 - cgroup2 cgroup rw\n"
      "35 32 0:31 / /sys/fs/cgroup/cpuset rw shared:12 - cgroup cgroup rw,cpuset\n"
      "36 32 0:32 " + root + " /sys/fs/cgroup/cpu rw shared:13 - cgroup cgroup rw,cpu,cpuacct\n";
  return files;
}

TEST(CpuQuotaTest, ThereIsNoLimitWithoutControlGroups) {
  EXPECT_EQ(QuotaOf({}), kNoLimit);
  EXPECT_EQ(QuotaOf({{"/proc/self/cgroup", "0::/\n"}}), kNoLimit);
  EXPECT_EQ(QuotaOf(VersionTwo("/a", {})), kNoLimit);
  EXPECT_EQ(QuotaOf(VersionOne("/a", {})), kNoLimit);
}

TEST(CpuQuotaTest, TheLeastOfTheGroupAndThoseAboveItCounts) {
  EXPECT_EQ(QuotaOf(VersionTwo("/a/b", {{"/sys/fs/cgroup/a/cpu.max", "150000 100000\n"},
                                        {"/sys/fs/cgroup/a/b/cpu.max", "max 100000\n"}})),
            1.5);
  EXPECT_EQ(QuotaOf(VersionTwo("/a/b", {{"/sys/fs/cgroup/a/cpu.max", "800000 100000\n"},
                                        {"/sys/fs/cgroup/a/b/cpu.max", "25000 50000\n"}})),
            0.5);
}

TEST(CpuQuotaTest, AContainerSeesItsOwnGroupAsTheRoot) {
  const Files files = {{"/sys/fs/cgroup/cpu.max", "250000 100000\n"}};
  // With a namespace of its own for control groups, and without one.
  EXPECT_EQ(QuotaOf(VersionTwo("/", files)), 2.5);
  EXPECT_EQ(QuotaOf(VersionTwo("/docker/1f", files, "/docker/1f")), 2.5);
  EXPECT_EQ(QuotaOf(VersionTwo("/docker/1f", files)), 2.5);
}

TEST(CpuQuotaTest, VersionOneHasQuotaAndPeriodApart) {
  const std::string folder = "/sys/fs/cgroup/cpu";
  EXPECT_EQ(QuotaOf(VersionOne("/", {{folder + "/cpu.cfs_quota_us", "-1\n"},
                                     {folder + "/cpu.cfs_period_us", "100000\n"}})),
            kNoLimit);
  EXPECT_EQ(QuotaOf(VersionOne("/docker/1f", {{folder + "/cpu.cfs_quota_us", "350000\n"},
                                              {folder + "/cpu.cfs_period_us", "100000\n"}},
                               "/docker/1f")),
            3.5);
  EXPECT_EQ(QuotaOf(VersionOne("/a", {{folder + "/a/cpu.cfs_quota_us", "350000\n"},
                                      {folder + "/a/cpu.cfs_period_us", "100000\n"}})),
            3.5);
}

TEST(CpuQuotaTest, WhatMakesNoSenseIsNoLimit) {
  for (const std::string text : {"", "max", "1", "0 100000", "1 0", "-5 100000", "x y", "1 2 3"}) {
    EXPECT_EQ(QuotaOf(VersionTwo("/", {{"/sys/fs/cgroup/cpu.max", text}})), kNoLimit) << text;
  }
  EXPECT_EQ(QuotaOf({{"/proc/self/cgroup", ":\n::\n0\nx"}, {"/proc/self/mountinfo", " - \n-\n"}}),
            kNoLimit);
}

TEST(CpuQuotaTest, LoopsAreNoMoreThanTheQuotaRoundedUp) {
  EXPECT_EQ(LoopsFor(8, kNoLimit), 8);
  EXPECT_EQ(LoopsFor(8, 8.5), 8);
  EXPECT_EQ(LoopsFor(8, 2.5), 3);
  EXPECT_EQ(LoopsFor(8, 2.0), 2);
  EXPECT_EQ(LoopsFor(8, 0.1), 1);
}

}  // namespace
}  // namespace rondo::config
