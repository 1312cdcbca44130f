// sockperf's ping-pong over TCP. It does not count plain echoes: a reply is the message with one
// flag cleared, so it gets a server of its own, made of Rondo.

#include <arpa/inet.h>

#include <cstdint>
#include <cstring>
#include <string>

#include "rondo/rondo.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/process/command.h"

namespace rondo {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

// A message, all in network order: 8 bytes of sequence number, 2 of flags, 4 with the length of it
// all.
class SockperfServer : public EventHandler {
 public:
  Action OnTraffic(Connection& connection) override {
    for (std::string_view header; !(header = connection.Peek(kHeaderBytes)).empty();) {
      uint16_t flags;
      uint32_t length;
      std::memcpy(&flags, header.data() + 8, sizeof flags);
      std::memcpy(&length, header.data() + 10, sizeof length);
      std::string message(connection.Peek(ntohl(length)));
      if (message.empty()) break;
      connection.Discard(message.size());
      if (!(ntohs(flags) & kWantsReply)) continue;
      flags = htons(ntohs(flags) & ~kFromClient);
      std::memcpy(message.data() + 8, &flags, sizeof flags);
      (void)connection.Write(std::move(message));
    }
    return Action::kNone;
  }

 private:
  static constexpr size_t kHeaderBytes = 14;
  static constexpr uint16_t kFromClient = 1;
  static constexpr uint16_t kWantsReply = 2;
};

TEST(SockperfTest, PlaysPingPong) {
  SockperfServer handler;
  const auto engine = Engine::Start(handler, "tcp://127.0.0.1:0");
  ASSERT_TRUE(engine.ok()) << engine.status();
  const auto played = testing::RunCommand(
      "timeout 30 sockperf ping-pong --tcp --data-integrity -t 1 -m 64 -i 127.0.0.1 -p " +
      std::to_string((*engine)->addresses()[0].port()));
  std::cout << played.output << std::endl;
  EXPECT_EQ(played.status, 0);
  EXPECT_THAT(played.output, ContainsRegex("ReceivedMessages=[0-9][0-9]"));
  EXPECT_THAT(played.output, HasSubstr("dropped messages = 0; # duplicated messages = 0; "
                                       "# out-of-order messages = 0"));
  EXPECT_TRUE((*engine)->Stop(absl::Seconds(5)).ok());
}

}  // namespace
}  // namespace rondo
