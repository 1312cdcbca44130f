// Users with CMake: `find_package(rondo CONFIG)`.

#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/install/installed.h"

namespace rondo {
namespace {

using ::testing::HasSubstr;

class CMakeTest : public InstallTest {
 protected:
  // Configures the consumer to want this version of Rondo.
  std::string Configure(const std::string& wanted, const std::string& options = "") const {
    return "cmake -S $consumer -B build -DCMAKE_PREFIX_PATH=$prefix -DWANTED=" + wanted + " " +
           options + " 2>&1\n";
  }
};

constexpr char kBuild[] = "cmake --build build --verbose\n";

TEST_F(CMakeTest, AProgramUsesTheSharedLibrary) {
  RunAndExpectHello(Configure(RONDO_VERSION) + kBuild +
                    "readelf -d build/hello | grep -q 'NEEDED.*librondo.so'\n build/hello");
}

TEST_F(CMakeTest, AProgramUsesTheStaticLibraryWhereItWantsThat) {
  RunAndExpectHello(Configure(RONDO_VERSION, "-Drondo_USE_STATIC_LIBS=ON") + kBuild +
                    "if readelf -d build/hello | grep librondo; then exit 1; fi\n build/hello");
}

// As a distribution may split it.
TEST_F(CMakeTest, TheStaticLibraryDoesWhereTheSharedOneIsNotThere) {
  const auto linked = Run(
      "cp -r $prefix here; prefix=$PWD/here; rm $(find here -name 'librondo.so*')\n" +
      Configure(RONDO_VERSION) + "cat build/CMakeFiles/hello.dir/link.txt");
  EXPECT_THAT(linked.output, HasSubstr("/librondo.a "));
}

TEST_F(CMakeTest, AMissingLibraryIsNamed) {
  const auto found = Run(
      "cp -r $prefix here; prefix=$PWD/here; rm $(find here -name 'librondo.*')\n" +
      Configure(RONDO_VERSION));
  EXPECT_NE(found.status, 0);
  EXPECT_THAT(found.output, HasSubstr("librondo.a is not there"));
}

// As semantic versioning has it: while the major version is 0, a minor one may break its users.
TEST_F(CMakeTest, OnlyTheSameMinorVersionWillDo) {
  const std::string version = RONDO_VERSION;
  const std::string minor = version.substr(0, version.rfind('.'));
  const std::vector<std::pair<std::string, const char*>> wishes = {
      {"", "yes"},      {version, "yes"},         {minor, "yes"},
      {"0.0", "no"},    {minor + ".999", "no"},   {"0.999", "no"},
      {"99.1", "no"},   {minor + "...9", "yes"},  {"0.0..." + version, "yes"},
      {"0.0...<" + version, "no"}};
  std::string project = "cmake_minimum_required(VERSION 3.19)\nproject(find CXX)\n";
  for (const auto& [wish, found] : wishes) {
    project += "find_package(rondo " + wish + " CONFIG QUIET)\nif(rondo_FOUND)\nmessage(\"wish " +
               wish + ": yes\")\nelse()\nmessage(\"wish " + wish +
               ": no\")\nendif()\nunset(rondo_DIR CACHE)\n";
  }
  const auto answered = Run("cat >CMakeLists.txt <<'END'\n" + project +
                            "END\ncmake -B build -DCMAKE_PREFIX_PATH=$prefix 2>&1");
  EXPECT_EQ(answered.status, 0) << answered.output;
  for (const auto& [wish, found] : wishes) {
    EXPECT_THAT(answered.output, HasSubstr("wish " + wish + ": " + found + "\n"));
  }
}

}  // namespace
}  // namespace rondo
