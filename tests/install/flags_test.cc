// Users' own flags: a program works with them, though Rondo was built without.

#include <string>

#include "gmock/gmock.h"
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

// Rondo's std::bad_alloc passes through a callback that knows of no exceptions.
TEST_F(FlagsTest, WithoutExceptionsNoMemoryEndsOnlyTheConnectionOfTheCallback) {
  for (const std::string compiler : {"c++", "clang++"}) {
    if (!Has(compiler)) continue;
    for (const std::string flags : {"", " -O2"}) {
      const auto ran = Run(compiler + flags + " -std=c++20 -c $consumer/failing_new.cc\n" +
                           compiler + flags + " -std=c++20 -fno-exceptions -Wall -Werror"
                           " $consumer/out_of_memory.cc failing_new.o -o out_of_memory"
                           " $(pkg-config --cflags --libs rondo)\n ./out_of_memory");
      EXPECT_EQ(ran.status, 0) << ran.output;
      for (const std::string request : {"deadline", "post"}) {
        const std::string ends = "RESOURCE_EXHAUSTED\n" + request + ": \n";
        EXPECT_THAT(ran.output, ::testing::HasSubstr(ends)) << compiler << flags;
      }
      EXPECT_THAT(ran.output, ::testing::HasSubstr("echo: echo\n"));
    }
  }
}

TEST_F(FlagsTest, AProgramMayBeCompiledByClangWithoutAnyOfIt) {
  if (!Has("clang++")) GTEST_SKIP() << "clang++ is not installed";
  RunAndExpectHelloBy("clang++ -fno-rtti -fno-exceptions -fvisibility=hidden");
}

}  // namespace
}  // namespace rondo
