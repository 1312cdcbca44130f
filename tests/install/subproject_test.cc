// Users with Meson, who have Rondo's sources as a subproject of theirs.

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/install/installed.h"

namespace rondo {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class SubprojectTest : public InstallTest {
 protected:
  // Configures a copy of the consumer, which has a wrap file for the subproject.
  static std::string Configure() {
    return "cp -r $consumer consumer; cd consumer\n"
           "ln -s " RONDO_SOURCE_ROOT " subprojects/rondo\n"
           // Without NDEBUG newer versions of Meson add assertions of the C++ library.
           "meson setup build -Dbuildtype=plain -Db_ndebug=true --force-fallback-for=rondo"
           " >configure.log ||"
           " { cat configure.log; exit 1; }\n";
  }
};

TEST_F(SubprojectTest, AProgramUsesIt) {
  RunAndExpectHello(Configure() + "ninja -C build hello\n build/hello");
}

TEST_F(SubprojectTest, BringsTheLibraryAndNothingElse) {
  const auto targets = Run(Configure() +
                           "if grep mimalloc configure.log; then exit 1; fi\n"
                           "meson introspect --targets build | python3 -c '\n"
                           "import json, sys\n"
                           "print(\"targets:\", *sorted({each[\"name\"] for each in"
                           " json.load(sys.stdin)}))'");
  EXPECT_THAT(targets.output, HasSubstr("targets: hello rondo rondo_core rondo_sys\n"));
}

TEST_F(SubprojectTest, LeavesTheFlagsOfTheProjectAlone) {
  const auto flags =
      Run(Configure() + "grep '\"command\".*hello.cc' build/compile_commands.json");
  ASSERT_THAT(flags.output, HasSubstr("hello.cc"));
  for (const char* const of_rondo :
       {"-Wno-", "-Wextra", "-fvisibility", "-flto", "-fno-", "GLIBCXX"}) {
    EXPECT_THAT(flags.output, Not(HasSubstr(of_rondo)));
  }
}

}  // namespace
}  // namespace rondo
