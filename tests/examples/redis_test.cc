// The Redis example against redis-server: the same bytes to both, whole and cut, and the replies
// compared; of an error its first word. Debian's package redis-tools has the program, by the name
// of redis-check-rdb; redis-server adds its own name, and a service that these tests do without.
// Where there is neither they are skipped.

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/examples/redis_corpus.h"
#include "tests/process/child_process.h"
#include "tests/process/command.h"
#include "tests/process/example_server.h"
#include "tests/server/client.h"

namespace rondo {
namespace {

using testing::ChildProcess;
using testing::Client;
using testing::ExampleServer;
using testing::RespCommand;

uint16_t FreePort() {
  const UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  ::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), length);
  ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &length);
  return ntohs(address.sin_port);
}

// Finds it, for the shell; what it does depends on the name it is started by.
constexpr char kFind[] = "command -v redis-server || command -v redis-check-rdb";

// redis-server in a process of its own; ends with the object.
class RedisServer {
 public:
  RedisServer() : RedisServer(FreePort()) {}

  // Null when it could not start: somebody else has taken the port meanwhile.
  static std::unique_ptr<RedisServer> Start() {
    for (int attempt = 0; attempt < 10; ++attempt) {
      auto server = std::make_unique<RedisServer>();
      for (std::string line; !(line = server->process_.ReadLine()).empty();) {
        if (line.find("eady to accept connections") != line.npos) return server;
      }
    }
    return nullptr;
  }

  const SocketAddress& address() const { return address_; }

 private:
  explicit RedisServer(uint16_t port)
      : process_({"bash", "-c", absl::StrCat("exec -a redis-server $(", kFind, ") \"$@\""), "bash",
                  "--bind", "127.0.0.1", "--port", std::to_string(port), "--save", "",
                  "--appendonly", "no", "--always-show-logo", "no"}),
        address_(testing::LoopbackAddress(port)) {}

  ChildProcess process_;
  SocketAddress address_;
};

// How an input is sent.
enum class Cut { kWhole, kInHalves, kInBytes };

bool Send(Client& client, std::string_view input, Cut cut) {
  const size_t piece = cut == Cut::kWhole     ? input.size()
                       : cut == Cut::kInBytes ? 1
                                              : (input.size() + 1) / 2;
  for (; !input.empty(); input.remove_prefix(std::min(piece, input.size()))) {
    // A server that has understood enough closes.
    if (!client.Send(input.substr(0, piece))) return false;
  }
  return true;
}

// The texts of errors are each server's own.
std::string WithoutErrorTexts(const std::string& replies) {
  std::string result;
  for (size_t at = 0; at < replies.size();) {
    const size_t end = std::min(replies.find("\r\n", at), replies.size() - 2) + 2;
    const std::string line = replies.substr(at, end - at);
    result += line.starts_with('-') ? line.substr(0, line.find(' ')) + "\r\n" : line;
    at = end;
  }
  return result;
}

// All that the server replies to `input`, up to the end of the connection.
std::string Ask(const SocketAddress& server, std::string input, Cut cut) {
  constexpr std::string_view kReplies = "+OK\r\n+OK\r\n+OK\r\n:5\r\n";
  Client client(server);
  if (!client.Send(testing::RedisBeginning())) return "not sent";
  if (client.Receive(kReplies.size()) != kReplies) return "did not begin";
  // From version 8 on redis-server empties in the background, and forgets a client that has sent a
  // FIN meanwhile.
  const bool flushes = absl::StrContains(input, "FLUSH");
  if (flushes) input += "QUIT\r\n";
  Send(client, input, cut);
  if (!flushes) client.ShutdownWrite();
  std::string replies = client.ReceiveAll();
  if (client.ending() == Client::Ending::kTimeout) replies += "and no end";
  return replies;
}

std::string AskUntilQuit(const SocketAddress& server, const std::string& input) {
  Client client(server);
  if (!client.Send(testing::RedisBeginning() + input + "QUIT\r\n")) return "not sent";
  const std::string replies = client.ReceiveAll();
  EXPECT_EQ(client.ending(), Client::Ending::kFin);
  EXPECT_GT(replies.size(), 40u << 20);
  EXPECT_TRUE(replies.ends_with("+OK\r\n"));
  return replies;
}

class RedisTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (testing::RunCommand(kFind).status != 0) {
      GTEST_SKIP() << "There is no redis-server to compare with: apt-get install redis-tools.";
    }
    peer_ = RedisServer::Start();
    ASSERT_NE(peer_, nullptr);
  }

  void Compare(const std::string& input, Cut cut) {
    EXPECT_EQ(absl::CEscape(WithoutErrorTexts(Ask(redis_.address(), input, cut))),
              absl::CEscape(WithoutErrorTexts(Ask(peer_->address(), input, cut))))
        << "to " << absl::CEscape(input.substr(0, 200)) << ", cut " << static_cast<int>(cut);
  }

  ExampleServer redis_{"redis", {"--loops=2"}};
  std::unique_ptr<RedisServer> peer_;
};

TEST_F(RedisTest, RepliesLikeRedisServerToTheSameBytes) {
  const std::vector<std::string> corpus = testing::RedisCorpus();
  EXPECT_GE(corpus.size(), 300u);
  for (const std::string& input : corpus) {
    for (const Cut cut : {Cut::kWhole, Cut::kInHalves, Cut::kInBytes}) {
      if (cut == Cut::kInBytes && input.size() > 1000) continue;
      Compare(input, cut);
    }
  }
  std::cout << corpus.size() << " inputs, whole, in halves and in bytes" << std::endl;
}

// A client that reads slowly at first, and gets all. It ends with QUIT: redis-server forgets what
// waits for a client that ends with a FIN.
TEST_F(RedisTest, LongRepliesAreAllThereForAClientThatReads) {
  std::string gets = RespCommand({"SET", "long", std::string(1 << 20, 'x')});
  for (int i = 0; i < 40; ++i) gets += "GET long\r\n";
  EXPECT_TRUE(AskUntilQuit(redis_.address(), gets) == AskUntilQuit(peer_->address(), gets));
  std::string list;
  for (int i = 0; i < 20; ++i) list += RespCommand({"RPUSH", "list", std::string(1 << 20, 'y')});
  list += "LRANGE list 0 -1\r\nLRANGE list 0 -1\r\nPING\r\n";
  EXPECT_TRUE(AskUntilQuit(redis_.address(), list) == AskUntilQuit(peer_->address(), list));
}

}  // namespace

// A reply that would be longer than the example keeps is an error, and not the end.
TEST(RedisExampleTest, AReplyOfTooManyValuesIsAnError) {
  ExampleServer redis("redis");
  Client client(redis.address());
  std::string commands = RespCommand({"SET", "long", std::string(1 << 20, 'x')});
  std::vector<std::string> words(100, "long");
  words[0] = "MGET";
  const std::string push = RespCommand({"RPUSH", "list", std::string(1 << 20, 'y')});
  for (int i = 0; i < 40; ++i) commands += push;
  ASSERT_TRUE(client.Send(commands + RespCommand(words) + "LRANGE list 0 -1\r\nPING\r\n"));
  client.ShutdownWrite();
  const std::string replies = client.ReceiveAll();
  EXPECT_THAT(replies.substr(0, 1000), ::testing::HasSubstr("\r\n:40\r\n-ERR the reply would be "));
  EXPECT_TRUE(replies.ends_with("MiB\r\n+PONG\r\n"));
}

}  // namespace rondo
