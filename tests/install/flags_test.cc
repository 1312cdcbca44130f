// Users' own flags: a program works with them, though Rondo was built without.

#include <string>

#include "gtest/gtest.h"
#include "tests/install/installed.h"

namespace rondo {
namespace {

class FlagsTest : public InstallTest {
 protected:
  void RunAndExpectHelloWith(const std::string& flags) const {
    for (const std::string compiler : {"c++", "clang++"}) {
      if (!Has(compiler)) continue;
      RunAndExpectHello(compiler + " -std=c++20 " + flags +
                        " $consumer/hello.cc -o hello $(pkg-config --cflags --libs rondo)"
                        "\n ./hello");
    }
  }
};

TEST_F(FlagsTest, AProgramMayBeCompiledWithoutRtti) { RunAndExpectHelloWith("-fno-rtti"); }

}  // namespace
}  // namespace rondo
