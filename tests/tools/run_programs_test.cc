// The runner of the test programs (run_programs.py): what it counts and says of programs that pass,
// skip, crash, hang and print without bound. They are scripts here.

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/process/command.h"

namespace rondo::testing {
namespace {

namespace fs = std::filesystem;

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::TempDir;

// A build folder that has nothing but such programs. Ends with the test.
class RunProgramsTest : public ::testing::Test {
 protected:
  RunProgramsTest() {
    std::string name = TempDir() + "programs_XXXXXX";
    folder_ = ::mkdtemp(name.data());
    fs::create_directory(folder_ / "meson-info");
    std::ofstream(folder_ / "meson-info/intro-buildoptions.json") << "[]";
  }
  ~RunProgramsTest() override { fs::remove_all(folder_); }

  // A program of these lines of shell; they find the report that they should write in $report.
  void Add(const std::string& name, const std::string& lines) {
    const std::string path = (folder_ / name).string();
    std::ofstream(path) << "#!/bin/sh\nreport=${1#--gtest_output=xml:}\n" << lines << "\n";
    fs::permissions(path, fs::perms::owner_all);
    absl::StrAppend(&tests_, tests_.empty() ? "" : ",", "{\"name\":\"", name, "\",\"cmd\":[\"",
                    path, "\"],\"env\":{},\"timeout\":1,\"is_parallel\":false}");
  }
  // The same for one whose report has these cases.
  void AddWithReport(const std::string& name, const std::string& cases) {
    Add(name, "cat >$report <<END\n<testsuites><testsuite>" + cases +
                  "</testsuite></testsuites>\nEND");
  }
  CommandResult Run() const {
    std::ofstream(folder_ / "meson-info/intro-tests.json") << "[" << tests_ << "]";
    return RunCommand("python3 " RONDO_SOURCE_ROOT "/tests/tools/run_programs.py " +
                      folder_.string());
  }

 private:
  fs::path folder_;
  std::string tests_;
};

std::string Passed(const std::string& name) {
  return "<testcase classname='Some' name='" + name + "' status='run' result='completed'/>";
}

std::string Skipped(const std::string& line, const std::string& why) {
  return "<testcase classname='Some' name='Test' status='run' result='skipped'>"
         "<skipped message='../some_test.cc:" +
         line + "&#x0A;" + why + "'/></testcase>";
}

TEST_F(RunProgramsTest, CountsWhatWasSkippedByItsReason) {
  AddWithReport("one", Passed("A") + Skipped("7", "no io_uring") + Skipped("9", "no\nIPv6"));
  AddWithReport("two", Skipped("8", "no io_uring") + Passed("B"));
  const CommandResult result = Run();
  EXPECT_EQ(result.status, 0);
  EXPECT_THAT(result.output, EndsWith("\nSKIPPED 2: no io_uring\n"
                                      "SKIPPED 1: no IPv6\n"
                                      "2 passed, 0 failed, 3 skipped\n"));
}

TEST_F(RunProgramsTest, CasesThatHaveFailedAreNamed) {
  AddWithReport("one", Passed("A") + "<testcase classname='Some' name='Bad' status='run' "
                                     "result='completed'><failure message='1'/></testcase>");
  const CommandResult result = Run();
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.output, EndsWith("\nFAILED Some.Bad\n1 passed, 1 failed\n"));
}

TEST_F(RunProgramsTest, AProgramThatDoesNotEndInOrderHasFailed) {
  Add("crash", "kill -SEGV $$");
  Add("exit", "exit 3");
  Add("hang", "sleep 1000");
  AddWithReport("unreadable", "<");
  const CommandResult result = Run();
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.output, HasSubstr("FAILED crash: died of SIGSEGV\n"
                                       "FAILED exit: exit status 3 before its end\n"
                                       "FAILED hang: took over 1 s\n"
                                       "FAILED unreadable: its report cannot be read: "));
}

TEST_F(RunProgramsTest, AProgramThatPrintsWithoutBoundIsEnded) {
  Add("flood", "exec yes a line");
  const CommandResult result = Run();
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.output, EndsWith("\nFAILED flood: printed over 16 MiB\n0 passed, 1 failed\n"));
  EXPECT_LT(result.output.size(), size_t{3} << 20);
}

TEST_F(RunProgramsTest, OfALongOutputBothEndsAreShown) {
  Add("long", "echo the beginning; yes | head -c 5000000; echo the end; exit 1");
  const CommandResult result = Run();
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.output, HasSubstr("the beginning\n"));
  EXPECT_THAT(result.output, HasSubstr("\nthe end\n"));
  EXPECT_THAT(result.output, HasSubstr(" bytes are left out here]\n"));
  EXPECT_LT(result.output.size(), size_t{3} << 20);
}

TEST_F(RunProgramsTest, NothingButSkippedCasesIsNoSuccess) {
  AddWithReport("one", Skipped("7", "no io_uring"));
  const CommandResult result = Run();
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.output, HasSubstr("no test ran\n"));
  EXPECT_THAT(result.output, Not(HasSubstr("FAILED")));
}

}  // namespace
}  // namespace rondo::testing
