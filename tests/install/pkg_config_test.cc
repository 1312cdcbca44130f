// Users with a compiler and pkg-config.

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/install/installed.h"

namespace rondo {
namespace {

using ::testing::HasSubstr;

using PkgConfigTest = InstallTest;

constexpr char kShared[] =
    "c++ -Wall -Wextra -Werror $consumer/hello.cc -o hello "
    "$(pkg-config --cflags --libs rondo)\n";

TEST_F(PkgConfigTest, AProgramOutsideTheTreeUsesTheSharedLibrary) {
  RunAndExpectHello(std::string(kShared) + "ldd hello | grep -q librondo.so \n ./hello");
}

// What only the library itself uses is no business of a program with the shared one.
TEST_F(PkgConfigTest, AProgramWithTheSharedLibraryLinksWhatItsHeadersUse) {
  const auto flags = Run("pkg-config --print-requires rondo");
  EXPECT_THAT(flags.output, HasSubstr("absl_statusor"));
  EXPECT_THAT(flags.output, ::testing::Not(HasSubstr("absl_synchronization")));
  EXPECT_THAT(Run("pkg-config --print-requires-private rondo").output,
              HasSubstr("absl_synchronization"));
}

TEST_F(PkgConfigTest, AProgramOutsideTheTreeUsesTheStaticLibrary) {
  RunAndExpectHello(
      "c++ -static $consumer/hello.cc -o hello "
      "$(pkg-config --static --cflags --libs rondo)\n ./hello");
}

}  // namespace
}  // namespace rondo
