// A test of what users get: Rondo is installed once for the program, and moved to another prefix,
// so that nothing in it may know where it was. The tests use it from a folder outside the tree, as
// users would: with a shell, a compiler and their build tool.

#ifndef RONDO_TESTS_INSTALL_INSTALLED_H_
#define RONDO_TESTS_INSTALL_INSTALLED_H_

#include <string>

#include "gtest/gtest.h"
#include "tests/process/command.h"

namespace rondo {

class InstallTest : public ::testing::Test {
 protected:
  InstallTest();
  ~InstallTest() override;
  void SetUp() override;

  // Runs `lines` in the test's own folder, an empty one, until one fails. They find $prefix, the
  // moved installation; $libraries, the folder of its libraries, which is where programs look for
  // them; $consumer, the sources of a user's project; and rondo.pc where pkg-config looks.
  testing::CommandResult Run(const std::string& lines) const;
  // The same; the last line runs the consumer's program, and the test fails where it does not work.
  void RunAndExpectHello(const std::string& lines) const;
  // Skips the test unless the machine has this program.
  static bool Has(const std::string& program);

 private:
  std::string folder_;
};

}  // namespace rondo

#endif  // RONDO_TESTS_INSTALL_INSTALLED_H_
