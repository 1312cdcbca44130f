// The chat room and three netcats in it.

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/process/child_process.h"
#include "tests/process/example_server.h"
#include "tests/process/process_state.h"

namespace rondo {
namespace {

using testing::ChildProcess;
using ::testing::EndsWith;
using testing::ExampleServer;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class ChatTest : public ::testing::TestWithParam<testing::Flags> {
 protected:
  // Netcat, in the room.
  struct Member {
    explicit Member(const ExampleServer& room) : netcat({"nc", "-N", "127.0.0.1", room.port()}) {
      greeting = netcat.ReadLine();
    }
    std::string name() const { return greeting.substr(std::string("you are ").size()); }

    ChildProcess netcat;
    std::string greeting;
  };

  ChatTest() : chat_("chat", GetParam().flags) {}

  ExampleServer chat_;
};

TEST_P(ChatTest, ALineGoesToAllOthers) {
  Member first(chat_);
  ASSERT_THAT(first.greeting, StartsWith("you are tcp://127.0.0.1:"));
  Member second(chat_);
  EXPECT_EQ(first.netcat.ReadLine(), "* " + second.name() + " is here");
  Member third(chat_);
  EXPECT_EQ(first.netcat.ReadLine(), "* " + third.name() + " is here");
  // The note about the first one may reach the second late, from another loop.
  std::string heard = second.netcat.ReadLine();
  if (heard == "* " + first.name() + " is here") heard = second.netcat.ReadLine();
  EXPECT_EQ(heard, "* " + third.name() + " is here");

  ASSERT_TRUE(second.netcat.Write("good morning\n"));
  EXPECT_EQ(first.netcat.ReadLine(), second.name() + ": good morning");
  heard = third.netcat.ReadLine();
  while (heard.ends_with(" is here")) heard = third.netcat.ReadLine();
  EXPECT_EQ(heard, second.name() + ": good morning");

  third.netcat.CloseInput();
  EXPECT_EQ(third.netcat.ReadAll(), "");
  EXPECT_EQ(third.netcat.Wait(), 0);
  EXPECT_EQ(first.netcat.ReadLine(), "* " + third.name() + " has left");
  // Its own words were not among them.
  EXPECT_EQ(second.netcat.ReadLine(), "* " + third.name() + " has left");
}

TEST_P(ChatTest, ASlowReaderDoesNotDelayOthers) {
  Member speaker(chat_);
  Member listener(chat_);
  EXPECT_EQ(speaker.netcat.ReadLine(), "* " + listener.name() + " is here");
  // After its greeting the test does not read its output: the pipe fills up, and netcat stops
  // reading.
  Member slow(chat_);
  EXPECT_EQ(speaker.netcat.ReadLine(), "* " + slow.name() + " is here");
  std::string heard = listener.netcat.ReadLine();
  if (heard == "* " + speaker.name() + " is here") heard = listener.netcat.ReadLine();
  EXPECT_EQ(heard, "* " + slow.name() + " is here");

  constexpr int kLines = 16'384;
  const std::string line(1000, 'x');
  const size_t memory_before = chat_.process().ResidentBytes();
  for (int i = 0; i < kLines; ++i) {
    ASSERT_TRUE(speaker.netcat.Write(line + std::to_string(i) + "\n"));
    ASSERT_EQ(listener.netcat.ReadLine(), speaker.name() + ": " + line + std::to_string(i));
  }
  const size_t growth = chat_.process().ResidentBytes() - memory_before;
  std::cout << kLines << " lines of 1 KiB past a member that does not read: "
            << "the room has grown by " << (growth >> 10) << " KiB" << std::endl;
  // AddressSanitizer keeps what was freed.
  EXPECT_TRUE(RONDO_SANITIZED || growth < (4u << 20));

  // Once it reads again it gets all lines up to some point, the note about missed ones, and later
  // lines.
  std::string last = slow.netcat.ReadLine();
  while (last.ends_with(" is here")) last = slow.netcat.ReadLine();
  int lines = 0;
  for (; last.starts_with(speaker.name()); last = slow.netcat.ReadLine()) {
    ASSERT_THAT(last, EndsWith("x" + std::to_string(lines++)));
  }
  EXPECT_EQ(last, "* you were too slow and missed " + std::to_string(kLines - lines) + " lines");
  ASSERT_TRUE(speaker.netcat.Write("back?\n"));
  EXPECT_EQ(slow.netcat.ReadLine(), speaker.name() + ": back?");
}

TEST_P(ChatTest, ALineWithoutAnEndIsRefused) {
  Member endless(chat_);
  ASSERT_TRUE(endless.netcat.Write(std::string(8192, 'x')));
  EXPECT_EQ(endless.netcat.ReadLine(), "* lines may have 4096 characters");
  endless.netcat.CloseInput();
  EXPECT_EQ(endless.netcat.ReadAll(), "");
}

INSTANTIATE_TEST_SUITE_P(, ChatTest, ::testing::ValuesIn(testing::WaysToRun()),
                         [](const auto& ways) { return ways.param.name; });

}  // namespace
}  // namespace rondo
