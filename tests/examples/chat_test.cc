// Both chat rooms with members who do not mean well.

#include <algorithm>
#include <csignal>
#include <iostream>
#include <string>
#include <thread>

#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/process/example_server.h"
#include "tests/server/client.h"

namespace rondo {
namespace {

using testing::Client;
using testing::ExampleServer;
using ::testing::HasSubstr;
using ::testing::Not;

class HostileChatTest : public ::testing::TestWithParam<const char*> {
 protected:
  // In the room once it has been greeted.
  Client Join() {
    Client member(chat_.address());
    EXPECT_THAT(HearUntil(member, "\n"), Not(HasSubstr("and no more")));
    return member;
  }
  // What `member` hears up to `text`, and with it.
  static std::string HearUntil(Client& member, const std::string& text) {
    std::string heard;
    while (!heard.ends_with(text)) {
      const std::string byte = member.Receive(1);
      if (byte.empty()) return heard + " and no more";
      heard += byte;
    }
    return heard;
  }
  ExampleServer chat_{GetParam(), {"--loops=2"}};
};

TEST_P(HostileChatTest, TheLongestLineDoesNotDependOnHowBytesAreCut) {
  for (const size_t length : {4096, 4097, 20'000}) {
    const std::string line = std::string(length, 'x') + "\n";
    Client listener = Join();
    Client whole = Join(), cut = Join();
    ASSERT_TRUE(whole.Send("one\n" + line));
    whole.ShutdownWrite();
    const std::string told = whole.ReceiveAll();
    ASSERT_TRUE(cut.Send("one\n"));
    HearUntil(listener, ": one\n");
    for (size_t at = 0; at < line.size(); at += 100) cut.Send(line.substr(at, 100));
    cut.ShutdownWrite();
    const std::string told_cut = cut.ReceiveAll();
    const std::string heard =
        HearUntil(listener, " has left\n") + HearUntil(listener, " has left\n");
    if (length > 4096) {
      EXPECT_THAT(told, HasSubstr("4096"));
      EXPECT_THAT(told_cut, HasSubstr("4096"));
      EXPECT_THAT(heard, Not(HasSubstr("xxx")));
    } else {
      EXPECT_THAT(told + told_cut, Not(HasSubstr("4096")));
      EXPECT_THAT(heard, HasSubstr(": " + line));
    }
  }
}

// One member sends 8 MB of the shortest lines, and reads nothing.
TEST_P(HostileChatTest, AFloodOfShortLinesHoldsUpItsSenderAlone) {
  Client flooder = Join(), listener = Join();
  const size_t memory_before = chat_.process().ResidentBytes();
  std::string flood;
  while (flood.size() < (8 << 20)) flood += "x\n";
  std::thread sender([&] { flooder.Send(flood); });

  absl::Duration longest;
  size_t most_memory = memory_before;
  // Reads all that comes meanwhile, most of it the flood.
  std::string heard;
  bool all_heard = true;
  for (int i = 0; all_heard && i < 20; ++i) {
    // A new one each time, which speaks as it comes: a member who does not read the flood is soon
    // not read from.
    Client speaker(chat_.address());
    const std::string line = ": hello " + std::to_string(i) + "\n";
    const absl::Time begin = absl::Now();
    speaker.Send(line.substr(2));
    while (all_heard && heard.find(line) == heard.npos) {
      heard = heard.substr(heard.size() - std::min(heard.size(), line.size()));
      const std::string more = listener.Receive(4096);
      all_heard = !more.empty();
      heard += more;
    }
    longest = std::max(longest, absl::Now() - begin);
    most_memory = std::max(most_memory, chat_.process().ResidentBytes());
  }
  EXPECT_TRUE(all_heard);
  const absl::Time stop = absl::Now();
  chat_.process().Signal(SIGTERM);
  listener.Close();
  EXPECT_EQ(chat_.process().Wait(), 0);
  const absl::Duration stopped = absl::Now() - stop;
  sender.join();
  std::cout << "a line took up to " << longest << ", a stop " << stopped << "; "
            << ((most_memory - memory_before) >> 20) << " MiB more" << std::endl;
  if (RONDO_SANITIZED) return;
  EXPECT_LT(most_memory - memory_before, 16u << 20);
  EXPECT_LT(longest, absl::Seconds(2));
  EXPECT_LT(stopped, absl::Seconds(1));
}

INSTANTIATE_TEST_SUITE_P(, HostileChatTest, ::testing::Values("chat", "line_chat"),
                         [](const auto& name) { return std::string(name.param); });

}  // namespace
}  // namespace rondo
