// The public headers under the compilers and flags that users may have.

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/install/installed.h"

namespace rondo {
namespace {

using ::testing::HasSubstr;

class HeaderTest : public InstallTest {
 protected:
  // Compiles a line that includes `header` with `flags`; prints what the compiler says.
  testing::CommandResult Compile(const std::string& header, const std::string& flags) const {
    return Run("echo '#include \"rondo/" + header + "\"' >program.cc; c++ " + flags +
               " -I$prefix/include -fsyntax-only program.cc");
  }
};

constexpr char kStrict[] = " -std=c++20 -Wall -Wextra -Wconversion -Werror -fno-rtti";

// By each compiler that there is, the oldest that are supported among them.
class HeaderByEachCompilerTest : public HeaderTest,
                                 public ::testing::WithParamInterface<std::string> {
 protected:
  void SetUp() override {
    if (!Has(GetParam())) GTEST_SKIP() << GetParam() << " is not installed";
    HeaderTest::SetUp();
  }
};
INSTANTIATE_TEST_SUITE_P(, HeaderByEachCompilerTest,
                         ::testing::Values("c++", "g++-12", "clang++", "clang++-14"));

TEST_P(HeaderByEachCompilerTest, EachCompilesAloneWithoutAWarning) {
  const auto compiled = Run(
      "cd $prefix/include; find rondo -name '*.h' -print0 | xargs -0 -n 1 -P $(nproc) " +
      GetParam() + kStrict + " -I. -fsyntax-only -x c++");
  EXPECT_EQ(compiled.status, 0) << compiled.output;
}

// All of them, and a program's use of their templates.
TEST_P(HeaderByEachCompilerTest, AProgramThatIncludesThemCompilesWithoutAWarning) {
  for (const std::string further : {"", " -frtti", " -fno-exceptions"}) {
    const auto compiled = Run(GetParam() + kStrict + further +
                              " -I$prefix/include -fsyntax-only $consumer/hello.cc");
    EXPECT_EQ(compiled.status, 0) << further << ": " << compiled.output;
  }
}

// Each refusal is a sentence, and not what follows from going on.
TEST_F(HeaderTest, EachRefusesAnOlderLanguageInASentence) {
  const auto each = Run(
      "cd $prefix/include; for header in $(find rondo -name '*.h'); do"
      " c++ -std=c++17 -I. -fsyntax-only -x c++ $header 2>&1 | tee $OLDPWD/said |"
      " grep -q 'error.*Rondo needs C++20' && test $(wc -c <$OLDPWD/said) -lt 1500 ||"
      " { echo $header; cat $OLDPWD/said; exit 1; }; done");
  EXPECT_EQ(each.status, 0) << each.output;
}

TEST_F(HeaderTest, AMachineThatIsNotSupportedIsRefusedInASentence) {
  for (const auto& [flags, sentence] :
       {std::pair("-D_WIN32", "Rondo does not support Windows"),
        std::pair("-w -U__SIZEOF_POINTER__ -D__SIZEOF_POINTER__=4",
                  "Rondo does not support 32-bit systems")}) {
    const auto compiled = Compile("platform.h", "-std=c++20 " + std::string(flags));
    EXPECT_NE(compiled.status, 0);
    EXPECT_THAT(compiled.output, HasSubstr(sentence));
    EXPECT_LT(compiled.output.size(), 1500) << compiled.output;
  }
}

}  // namespace
}  // namespace rondo
