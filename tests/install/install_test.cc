// Installs what is in the build folder into an empty one, and uses it from there as a user would: a
// compiler, pkg-config and a few lines of code, outside the tree.

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/process/command.h"

namespace rondo {
namespace {

using ::testing::HasSubstr;

constexpr char kProgram[] = R"(
#include <iostream>
#include <memory>

#include <rondo/rondo.h>

struct Visitor : rondo::FramedHandler<rondo::LineCodec>::Context {
  int lines = 0;
};

struct Hello : rondo::FramedHandler<rondo::LineCodec> {
  Hello() : FramedHandler(rondo::LineCodec(rondo::MaxFrameBytes(100))) {}
  rondo::Action OnOpen(rondo::Connection& connection) override {
    connection.set_context(std::make_unique<Visitor>());
    connection.Write("hello\n");
    return rondo::Action::kNone;
  }
  rondo::Action OnFrame(rondo::Connection& connection, std::string_view line) override {
    ++connection.context<Visitor>()->lines;
    return WriteFrame(connection, line).ok() ? rondo::Action::kNone : rondo::Action::kClose;
  }
};

int main() {
  Hello hello;
  const rondo::Options options = {.loops = 2, .log = [](rondo::LogSeverity, std::string_view) {}};
  auto engine = rondo::Engine::Start(hello, "tcp://127.0.0.1:0", options);
  if (!engine.ok()) {
    std::cerr << engine.status() << std::endl;
    return 1;
  }
  std::cout << "listening on " << (*engine)->addresses()[0].ToString() << std::endl;
  return (*engine)->Stop(absl::Seconds(5)).ok() ? 0 : 1;
}
)";

class InstallTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "rondo-install-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    const auto installed =
        testing::RunCommand("meson install -C " RONDO_BUILD_ROOT " --destdir " + folder_);
    ASSERT_EQ(installed.status, 0) << installed.output;
    std::ofstream(folder_ + "/hello.cc") << kProgram;
  }

  static void TearDownTestSuite() { std::filesystem::remove_all(folder_); }

  // Compiles hello.cc with what pkg-config says, and runs it.
  static testing::CommandResult CompileAndRun(const std::string& flags,
                                              const std::string& pkg_config_flags) {
    return testing::RunCommand("set -e; cd " + folder_ +
                               "\n pc=$(dirname $(find . -name rondo.pc)); test -f $pc/rondo.pc" +
                               "\n export PKG_CONFIG_PATH=$PWD/$pc LD_LIBRARY_PATH=$PWD/$pc/.." +
                               "\n flags=$(pkg-config --cflags --libs " + pkg_config_flags +
                               " rondo)" + "\n c++ -std=c++20 -Wall -Wextra -Werror " + flags +
                               " hello.cc -o hello $flags" + "\n ./hello");
  }

  static std::string folder_;
};

std::string InstallTest::folder_;

TEST_F(InstallTest, AProgramOutsideTheTreeUsesTheSharedLibrary) {
  const auto ran = CompileAndRun("", "");
  EXPECT_EQ(ran.status, 0);
  EXPECT_THAT(ran.output, HasSubstr("listening on tcp://127.0.0.1:"));
  const auto needed = testing::RunCommand("ldd " + folder_ + "/hello");
  EXPECT_THAT(needed.output, HasSubstr("librondo.so"));
}

TEST_F(InstallTest, AProgramOutsideTheTreeUsesTheStaticLibrary) {
  const auto ran = CompileAndRun("-static", "--static");
  EXPECT_EQ(ran.status, 0);
  EXPECT_THAT(ran.output, HasSubstr("listening on tcp://127.0.0.1:"));
}

TEST_F(InstallTest, AProgramOutsideTheTreeMayBeCompiledWithoutRtti) {
  const auto ran = CompileAndRun("-fno-rtti", "");
  EXPECT_EQ(ran.status, 0) << ran.output;
  EXPECT_THAT(ran.output, HasSubstr("listening on tcp://127.0.0.1:"));
}

TEST_F(InstallTest, EveryPublicHeaderCompilesAlone) {
  const auto compiled = testing::RunCommand(
      "set -e; cd " + folder_ + "/usr/local/include" +
      "\n for header in $(find rondo -name '*.h'); do" +
      " c++ -std=c++20 -I. -fsyntax-only -x c++ $header; done");
  EXPECT_EQ(compiled.status, 0) << compiled.output;
}

}  // namespace
}  // namespace rondo
