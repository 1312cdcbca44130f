#include "tests/install/installed.h"

#include <stdlib.h>

#include <filesystem>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace rondo {
namespace {

namespace fs = std::filesystem;

std::string MakeFolder() {
  std::string pattern = (fs::temp_directory_path() / "rondo-install-XXXXXX").string();
  return ::mkdtemp(pattern.data());
}

// Ends with the program.
class Installation {
 public:
  Installation() : root_(MakeFolder()) {
    // Without building first: what is installed is built with this program.
    log_ = testing::RunCommand("meson install --no-rebuild -C " RONDO_BUILD_ROOT " --destdir " +
                               root_ + "/destination && mv " + root_ +
                               "/destination/" RONDO_PREFIX " " + prefix());
  }
  ~Installation() { fs::remove_all(root_); }

  std::string prefix() const { return root_ + "/moved"; }
  const testing::CommandResult& log() const { return log_; }

 private:
  const std::string root_;
  testing::CommandResult log_;
};

const Installation& Installed() {
  static const Installation installation;
  return installation;
}

}  // namespace

InstallTest::InstallTest() : folder_(MakeFolder()) {}

InstallTest::~InstallTest() { fs::remove_all(folder_); }

void InstallTest::SetUp() {
  ASSERT_EQ(Installed().log().status, 0) << Installed().log().output;
}

testing::CommandResult InstallTest::Run(const std::string& lines) const {
  return testing::RunCommand("set -e; cd " + folder_ + "\n prefix=" + Installed().prefix() +
                             "\n consumer=" RONDO_SOURCE_ROOT "/tests/install/consumer"
                             "\n libraries=$prefix/" RONDO_LIBDIR
                             "\n export LD_LIBRARY_PATH=$libraries"
                             " PKG_CONFIG_PATH=$libraries/pkgconfig\n" +
                             lines);
}

void InstallTest::RunAndExpectHello(const std::string& lines) const {
  const auto ran = Run(lines);
  EXPECT_EQ(ran.status, 0) << ran.output;
  EXPECT_THAT(ran.output, ::testing::HasSubstr("listening on tcp://127.0.0.1:"));
}

bool InstallTest::Has(const std::string& program) {
  return testing::RunCommand("command -v " + program + " >/dev/null").status == 0;
}

}  // namespace rondo
