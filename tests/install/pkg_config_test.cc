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
    "c++ -std=c++20 -Wall -Wextra -Werror $consumer/hello.cc -o hello "
    "$(pkg-config --cflags --libs rondo)\n";

TEST_F(PkgConfigTest, AProgramOutsideTheTreeUsesTheSharedLibrary) {
  RunAndExpectHello(std::string(kShared) + "ldd hello | grep -q librondo.so \n ./hello");
}

TEST_F(PkgConfigTest, AProgramOutsideTheTreeUsesTheStaticLibrary) {
  RunAndExpectHello(
      "c++ -std=c++20 -static $consumer/hello.cc -o hello "
      "$(pkg-config --static --cflags --libs rondo)\n ./hello");
}

}  // namespace
}  // namespace rondo
