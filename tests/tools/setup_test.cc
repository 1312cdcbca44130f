// What the run scripts do about packages (setup.sh), on machines that lack some, lack the network
// or give no root: dpkg-query, apt-get, sudo and id are stubs.

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/process/command.h"

namespace rondo::testing {
namespace {

namespace fs = std::filesystem;

using ::testing::TempDir;

// A folder with all the commands that the scripts find. Ends with the test.
class SetupTest : public ::testing::Test {
 protected:
  SetupTest() {
    std::string name = TempDir() + "setup_XXXXXX";
    commands_ = ::mkdtemp(name.data());
    for (const char* tool : {"bash", "comm", "dirname", "env", "grep", "mkdir", "nproc", "paste",
                             "sed", "sort"}) {
      const fs::path path = fs::path("/usr/bin") / tool;
      fs::create_symlink(fs::exists(path) ? path : fs::path("/bin") / tool, commands_ / tool);
    }
    // Every package but those that Lack names.
    Stub("dpkg-query",
         "shift 3; for name; do [[ \" $LACKING \" == *\" $name \"* ]] ||\n"
         "  echo \"installed $name\"; done");
    Stub("apt-get", "echo \"apt-get $*\"");
    Stub("id", "echo 0");
    Stub("meson", "echo \"meson must not run\"");
    Stub("ninja", "echo \"ninja must not run\"");
    Stub("python3", "echo \"python3 $*\"");
  }
  ~SetupTest() override { fs::remove_all(commands_); }

  // A command that runs these lines of bash.
  void Stub(const std::string& name, const std::string& lines) {
    const fs::path path = commands_ / name;
    std::ofstream(path) << "#!" << (commands_ / "bash").string() << "\n" << lines << "\n";
    fs::permissions(path, fs::perms::owner_all);
  }
  void Lack(const std::string& names) { lacking_ = names; }
  void BeUser() { Stub("id", "echo 1000"); }
  // As apt-get does where no mirror can be reached.
  void LoseNetwork() { Stub("apt-get", "echo \"E: no network\"; exit 100"); }

  // Runs a command of bash in the root of the tree.
  CommandResult Run(const std::string& command) {
    return RunCommand("cd '" RONDO_SOURCE_ROOT "' && env -i PATH='" + commands_.string() +
                      "' LACKING='" + lacking_ + "' bash -c '" + command + "' </dev/null");
  }
  // A folder that ends with the test.
  fs::path Scratch() const { return commands_ / "scratch"; }
  CommandResult RunFunction(const std::string& call) {
    return Run("source tests/tools/setup.sh; " + call);
  }

 private:
  fs::path commands_;
  std::string lacking_;
};

TEST_F(SetupTest, NeedsNeitherRootNorNetworkWhereEverythingIsInstalled) {
  BeUser();
  LoseNetwork();
  const CommandResult result = RunFunction("install_packages build tests; try_packages peers");
  EXPECT_EQ(result.status, 0);
  EXPECT_EQ(result.output, "");
}

TEST_F(SetupTest, InstallsWhatIsMissingAndNothingElse) {
  Lack("meson socat");
  const CommandResult result = RunFunction("install_packages build tests");
  EXPECT_EQ(result.status, 0);
  EXPECT_EQ(result.output,
            "installing meson socat\n"
            "apt-get -q update\n"
            "apt-get -q install -y --no-install-recommends meson socat\n");
}

TEST_F(SetupTest, InstallsBySudoWhereItAsksForNoPassword) {
  BeUser();
  Stub("sudo", "[[ $1 != -n ]] || exit 0; echo \"sudo $3 $4\"");
  Lack("meson");
  const CommandResult result = RunFunction("install_packages build");
  EXPECT_EQ(result.status, 0);
  EXPECT_EQ(result.output, "installing meson\nsudo apt-get -q\nsudo apt-get -q\n");
}

const char kMissing[] =
    "packages are missing; as root, run: "
    "apt-get update && apt-get install -y --no-install-recommends meson ninja-build\n";

TEST_F(SetupTest, SaysWhatToInstallWithoutRoot) {
  BeUser();
  Lack("meson ninja-build");
  const CommandResult result = RunFunction("install_packages build; echo never");
  EXPECT_EQ(result.status, 1);
  EXPECT_EQ(result.output, kMissing);
}

TEST_F(SetupTest, SaysWhatToInstallWhereSudoWantsAPassword) {
  BeUser();
  Stub("sudo", "echo \"sudo: a password is required\" >&2; exit 1");
  Lack("meson ninja-build");
  const CommandResult result = RunFunction("install_packages build; echo never");
  EXPECT_EQ(result.status, 1);
  EXPECT_EQ(result.output, kMissing);
}

TEST_F(SetupTest, SaysWhatToInstallWithoutNetwork) {
  LoseNetwork();
  Lack("meson ninja-build");
  const CommandResult result = RunFunction("install_packages build; echo never");
  EXPECT_EQ(result.status, 1);
  EXPECT_TRUE(result.output.ends_with(std::string("E: no network\n") + kMissing)) << result.output;
}

TEST_F(SetupTest, AnUnreachableSourceDoesNotPreventAnInstall) {
  Stub("apt-get", "[[ $2 != update ]]");
  Lack("meson");
  EXPECT_EQ(RunFunction("install_packages build").status, 0);
}

TEST_F(SetupTest, SkipsWhatItCanDoWithoutAndSaysSo) {
  Stub("apt-get", "[[ $* != *libuv1-dev ]]");
  Lack("libevent-dev libuv1-dev");
  const CommandResult result = RunFunction("try_packages peers; echo goes on");
  EXPECT_EQ(result.status, 0);
  EXPECT_EQ(result.output,
            "installing libevent-dev\n"
            "installing libuv1-dev\n"
            "skipping what needs libuv1-dev; to have it, as root, run: "
            "apt-get update && apt-get install -y --no-install-recommends libuv1-dev\n"
            "goes on\n");
}

TEST_F(SetupTest, EveryRunScriptSaysWhatToInstall) {
  BeUser();
  Lack("meson ninja-build");
  for (const std::string script : {"examples/run", "tests/run", "benchmarks/run"}) {
    const CommandResult result = Run(script);
    EXPECT_EQ(result.status, 1) << script;
    EXPECT_EQ(result.output, kMissing) << script;
  }
}

// The scripts in a tree of their own, with these suites: what they set up is not this tree's.
fs::path TreeWith(const fs::path& root, const std::vector<std::string>& suites) {
  fs::create_directories(root / "tests/tools");
  for (const char* script : {"tests/run", "tests/tools/setup.sh"}) {
    fs::copy_file(fs::path(RONDO_SOURCE_ROOT) / script, root / script);
  }
  for (const std::string& suite : suites) {
    fs::create_directory(root / "tests" / suite);
    std::ofstream(root / "tests" / suite / "meson.build") << "suites += {'" << suite << "': {}}\n";
  }
  return root;
}

TEST_F(SetupTest, TestsRunAsManySuitesAsAreNamedAndCasesByTheirNames) {
  Stub("meson", ":");
  Stub("ninja", "echo \"ninja $*\"");
  const std::string root = TreeWith(Scratch(), {"reactor", "engine"}).string();
  const CommandResult result =
      Run(root + "/tests/run --sanitize=thread reactor engine Wakes Counts");
  EXPECT_EQ(result.status, 0) << result.output;
  EXPECT_NE(result.output.find(" reactor_suite engine_suite\n"), std::string::npos)
      << result.output;
  EXPECT_TRUE(result.output.ends_with("run_programs.py --suite=reactor --suite=engine "
                                      "--filter=Wakes --filter=Counts " +
                                      root + "/build/tsan\n"))
      << result.output;
}

TEST_F(SetupTest, TestsOfTheExamplesRunWithoutTheServerToCompareWith) {
  Stub("meson", ":");
  Stub("ninja", ":");
  LoseNetwork();
  Lack("redis-tools");
  const fs::path root = TreeWith(Scratch(), {"reactor", "examples"});
  const std::string tests_run = (root / "tests/run ").string();
  for (const std::string words : {"", "examples", "RedisTest"}) {
    const CommandResult result = Run(tests_run + words);
    EXPECT_EQ(result.status, 0) << result.output;
    EXPECT_NE(result.output.find("skipping what needs redis-tools"), std::string::npos) << words;
  }
  EXPECT_EQ(Run(tests_run + "reactor").output.find("redis"), std::string::npos);
}

TEST_F(SetupTest, BenchmarksWantThePackagesOfTheirSuite) {
  BeUser();
  Lack("libbenchmark-dev valgrind redis-server");
  EXPECT_TRUE(Run("benchmarks/run quick").output.ends_with("harness/main.py quick\n"));
  for (const std::string words : {"micro libbenchmark-dev", "instructions valgrind",
                                  "redis redis-server"}) {
    const size_t blank = words.find(' ');
    const CommandResult result = Run("benchmarks/run " + words.substr(0, blank));
    EXPECT_EQ(result.status, 1);
    EXPECT_TRUE(result.output.ends_with(words.substr(blank) + "\n")) << result.output;
  }
}

TEST_F(SetupTest, BenchmarksRunWithoutThePeersThatAreMissing) {
  LoseNetwork();
  Lack("libuv1-dev");
  const CommandResult result = Run("benchmarks/run all");
  EXPECT_EQ(result.status, 0);
  EXPECT_NE(result.output.find("skipping what needs libuv1-dev"), std::string::npos);
  EXPECT_TRUE(result.output.ends_with("harness/main.py all\n")) << result.output;
}

TEST_F(SetupTest, BenchmarksOfReadyMadeProgramsNeedNoPackage) {
  BeUser();
  Lack("g++ meson libuv1-dev");
  const CommandResult result = Run("benchmarks/run micro --servers_dir=there");
  EXPECT_EQ(result.status, 0);
  EXPECT_EQ(result.output, "python3 benchmarks/harness/main.py micro --servers_dir=there\n");
}

}  // namespace
}  // namespace rondo::testing
