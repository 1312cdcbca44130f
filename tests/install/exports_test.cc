// What the shared library exports, which is what programs may come to depend on: the classes of the
// public headers and their functions, and nothing of what lies behind them or of other libraries.

#include <set>
#include <sstream>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/install/installed.h"

namespace rondo {
namespace {

using Names = std::set<std::string>;

// Functions outside classes, and classes for what is in them.
const Names kExported = {
    "rondo::Connection",
    "rondo::ConnectionHandle",
    "rondo::DelimiterCodec",
    "rondo::EncodedFrame",
    "rondo::Engine",
    "rondo::EventHandler",
    "rondo::EventLoop",
    "rondo::FixedLengthCodec",
    "rondo::FrameError",
    "rondo::JsonCodec",
    "rondo::LengthFieldCodec",
    "rondo::LineCodec",
    "rondo::LoadBalancer",
    "rondo::NewLeastConnections",
    "rondo::NewRoundRobin",
    "rondo::NewSourceAddressHash",
    "rondo::Options",
    "rondo::PassThroughCodec",
    "rondo::Run",
    "rondo::Serve",
    "rondo::SettlingVisit",
    "rondo::SocketAddress",
    "rondo::UnfinishedFrame",
    "rondo::UniqueFd",
    "rondo::VarintLengthCodec",
    "rondo::WorkerPool",
    "rondo::operator==",
};

// The class or the function outside classes that a line of `nm -DC` is about: "rondo::Engine" for
// "0000 T rondo::Engine::Stop(absl::Duration)" and for "0000 V typeinfo for rondo::Engine".
std::string Owner(const std::string& line) {
  // After the address, which has a fixed width, and the type.
  std::string name = line.substr(line.find(' ', line.find_first_not_of(' ') + 1) + 1);
  name = name.substr(name.find(' ') == 1 ? 2 : 0);
  for (const std::string what : {"typeinfo for ", "typeinfo name for ", "vtable for "}) {
    if (name.starts_with(what)) return name.substr(what.size());
  }
  name = name.substr(0, name.find('('));
  const size_t last = name.rfind("::");
  const std::string scope = name.substr(0, last);
  return last == name.npos || scope == "rondo" ? name : scope;
}

class ExportsTest : public InstallTest {};

TEST_F(ExportsTest, TheSharedLibraryExportsPublicNamesOnly) {
  const auto listed = Run("nm -DC --defined-only $libraries/librondo.so");
  ASSERT_EQ(listed.status, 0) << listed.output;
  Names exported;
  std::istringstream lines(listed.output);
  for (std::string line; std::getline(lines, line);) exported.insert(Owner(line));
  EXPECT_THAT(exported, ::testing::ContainerEq(kExported));
}

// Version 0.2 may break what was compiled with 0.1.
TEST_F(ExportsTest, ProgramsAskForTheMinorVersionThatTheyWereCompiledWith) {
  const auto named = Run("readelf -d $libraries/librondo.so | grep SONAME");
  const std::string version = RONDO_VERSION;
  const std::string minor = version.substr(0, version.rfind('.'));
  EXPECT_THAT(named.output, ::testing::HasSubstr("[librondo.so." + minor + "]"));
}

}  // namespace
}  // namespace rondo
