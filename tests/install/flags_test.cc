// Users' own flags: a program works with them, though Rondo was built without.

#include <string>

#include "gtest/gtest.h"
#include "tests/install/installed.h"

namespace rondo {
namespace {

class FlagsTest : public InstallTest {
 protected:
  void RunAndExpectHelloBy(const std::string& compiler_with_flags) const {
    RunAndExpectHello(compiler_with_flags +
                      " -std=c++20 $consumer/hello.cc -o hello"
                      " $(pkg-config --cflags --libs rondo)\n ./hello");
  }
};

TEST_F(FlagsTest, AProgramMayBeCompiledWithoutRtti) { RunAndExpectHelloBy("c++ -fno-rtti"); }

TEST_F(FlagsTest, AProgramMayBeCompiledWithoutExceptions) {
  RunAndExpectHelloBy("c++ -fno-exceptions");
}

TEST_F(FlagsTest, AProgramMayBeCompiledByClangWithoutAnyOfIt) {
  if (!Has("clang++")) GTEST_SKIP() << "clang++ is not installed";
  RunAndExpectHelloBy("clang++ -fno-rtti -fno-exceptions -fvisibility=hidden");
}

}  // namespace
}  // namespace rondo
