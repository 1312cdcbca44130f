// The password example: answers that take their time, in order, on a worker pool.

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/process/example_server.h"
#include "tests/server/client.h"

namespace rondo {
namespace {

using ::testing::ElementsAre;
using ::testing::StartsWith;
using testing::Client;
using testing::ExampleServer;

class PasswordsTest : public ::testing::TestWithParam<testing::Flags> {
 protected:
  // What `requests` are answered with, line by line.
  std::vector<std::string> Ask(const std::vector<std::string>& requests) {
    Client client(passwords_.address());
    std::string lines;
    for (const std::string& request : requests) absl::StrAppend(&lines, request, "\n");
    EXPECT_TRUE(client.Send(lines));
    client.ShutdownWrite();
    return absl::StrSplit(client.ReceiveAll(), '\n', absl::SkipEmpty());
  }

  ExampleServer passwords_{"passwords", GetParam().flags};
};

TEST_P(PasswordsTest, ChecksWhatItHasHashed) {
  const std::vector<std::string> hashes = Ask({"hash sesame", "hash sesame"});
  ASSERT_THAT(hashes, ElementsAre(StartsWith("$2b$08$"), StartsWith("$2b$08$")));
  EXPECT_NE(hashes[0], hashes[1]);
  const std::string check = absl::StrCat("check ", hashes[0]);
  // Those that are no work overtake none.
  EXPECT_THAT(Ask({absl::StrCat(check, " sesame"), absl::StrCat(check, " Sesame"), "what", check,
                   absl::StrCat(check, " sesame")}),
              ElementsAre("yes", "no", StartsWith("sorry"), "no", "yes"));
}

TEST_P(PasswordsTest, WhatIsNoHashIsNoReasonToEnd) {
  EXPECT_THAT(Ask({"check *rubbish x", "check", "hash", ""}),
              ElementsAre(StartsWith("sorry"), StartsWith("sorry"), StartsWith("$2b$08$"),
                          StartsWith("sorry")));
}

INSTANTIATE_TEST_SUITE_P(, PasswordsTest, ::testing::ValuesIn(testing::WaysToRunOnEachPoller()),
                         [](const auto& way) { return way.param.name; });

}  // namespace
}  // namespace rondo
