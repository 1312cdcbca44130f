// Each restriction of restricted.py is there for the command that it runs.

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/process/command.h"
#include "tests/process/requirements.h"

namespace rondo::testing {
namespace {

using ::testing::EndsWith;
using ::testing::StartsWith;

constexpr char kTool[] = "python3 " RONDO_SOURCE_ROOT "/tests/tools/restricted.py ";

// Prints the errno of io_uring_setup(2) with a bad address.
constexpr char kSetUpRing[] =
    "python3 -c 'import ctypes, errno\n"
    "libc = ctypes.CDLL(None, use_errno=True)\n"
    "libc.syscall(425, 1, None)\n"
    "print(errno.errorcode[ctypes.get_errno()])'";
// What becomes of a listener and a connection to it on loopback, over IPv4 and over IPv6.
constexpr char kConnect[] =
    "python3 -c 'import errno, socket\n"
    "for family, host in (socket.AF_INET, \"127.0.0.1\"), (socket.AF_INET6, \"::1\"):\n"
    "    try:\n"
    "        listener = socket.socket(family)\n"
    "        listener.bind((host, 0))\n"
    "        listener.listen()\n"
    "        socket.create_connection(listener.getsockname()[:2])\n"
    "        print(\"connected\")\n"
    "    except OSError as error:\n"
    "        print(errno.errorcode[error.errno])'";

struct Restriction {
  std::string name;
  std::string command;
  std::string output;
};

class RestrictedTest : public ::testing::TestWithParam<Restriction> {};

TEST_P(RestrictedTest, HoldsForTheCommand) {
  constexpr int kCannot = 77;
  const auto& [name, command, output] = GetParam();
  // Where there is none it is refused for another reason.
  if (name == "no-ipv6") RONDO_NEEDS(Ipv6());
  // Where every user may be.
  const CommandResult result = RunCommand("cd /\n" + (kTool + name) + " -- " + command);
  if (result.status == kCannot) {
    EXPECT_THAT(result.output, StartsWith("skipping "));
    GTEST_SKIP() << result.output;
  }
  EXPECT_EQ(result.status, 0);
  EXPECT_EQ(result.output, output);
}

INSTANTIATE_TEST_SUITE_P(
    , RestrictedTest,
    ::testing::Values(
        Restriction{"no-io-uring", kSetUpRing, "EPERM\n"},
        Restriction{"unknown-io-uring", kSetUpRing, "ENOSYS\n"},
        Restriction{"descriptors-1024", "sh -c 'ulimit -Sn; ulimit -Hn'", "1024\n1024\n"},
        Restriction{"no-ipv6", kConnect, "connected\nEADDRNOTAVAIL\n"},
        Restriction{"unknown-ipv6", kConnect, "connected\nEAFNOSUPPORT\n"},
        Restriction{"ordinary-user", "sh -c 'test $(id -u) != 0; ulimit -Sn'", "1024\n"},
        Restriction{"no-locked-memory", "sh -c 'ulimit -l'", "0\n"},
        Restriction{"one-cpu", "nproc", "1\n"},
        Restriction{"one-cpu descriptors-1024", "sh -c 'nproc; ulimit -Hn'", "1\n1024\n"}),
    [](const auto& each) {
      std::string name = each.param.name;
      for (char& c : name) c = c == '-' || c == ' ' ? '_' : c;
      return name;
    });

TEST(RestrictedToolTest, EndsLikeTheCommand) {
  EXPECT_EQ(RunCommand(std::string(kTool) + "one-cpu -- sh -c 'exit 3'").status, 3);
}

TEST(RestrictedToolTest, AnUnknownRestrictionIsAnsweredWithThoseThereAre) {
  const CommandResult result = RunCommand(std::string(kTool) + "no-luck -- true");
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.output, StartsWith("Runs a command as it would run"));
  EXPECT_THAT(result.output, EndsWith("the command did not run.\n\n"));
}

}  // namespace
}  // namespace rondo::testing
