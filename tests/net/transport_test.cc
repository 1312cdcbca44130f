// What a transport says of a TCP connection and does to it, against a real peer.

#include "net/transport.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>

#include "gtest/gtest.h"
#include "net/address.h"
#include "net/socket.h"
#include "tests/kernel/faulty_sys.h"

namespace rondo::net {
namespace {

class TransportTest : public ::testing::Test {
 protected:
  TransportTest() {
    const Listener listener = Listen(Resolve("tcp://127.0.0.1:0").value(), {}).value();
    peer_.Reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(::connect(peer_.get(), listener.address.data(), listener.address.size()), 0);
    SocketAddress address;
    socket_.Reset(Accept(listener.fd.get(), &address));
    EXPECT_TRUE(socket_);
  }
  void SendFromPeer(const std::string& bytes, int flags = 0) {
    ASSERT_EQ(::send(peer_.get(), bytes.data(), bytes.size(), flags),
              static_cast<ssize_t>(bytes.size()));
  }
  // All that can be received now.
  size_t Receive() {
    std::array<char, 4096> bytes;
    size_t total = 0;
    for (ssize_t n; (n = ::recv(socket_.get(), bytes.data(), bytes.size(), 0)) > 0;) {
      total += static_cast<size_t>(n);
    }
    return total;
  }
  // What the peer sees: 0 at the end (FIN), or the errno.
  int EndOfPeer() {
    char byte;
    return ::recv(peer_.get(), &byte, 1, 0) == 0 ? 0 : errno;
  }

  UniqueFd peer_;
  UniqueFd socket_;
};

// On loopback what was sent has arrived.
TEST_F(TransportTest, UnreadIsAllThatWouldBeReceived) {
  EXPECT_EQ(Tcp().Unread(socket_.get()), 0u);
  SendFromPeer(std::string(100, 'a'));
  EXPECT_EQ(Tcp().Unread(socket_.get()), 100u);
  SendFromPeer("!", MSG_OOB);
  EXPECT_EQ(Tcp().Unread(socket_.get()), 100u);
  SendFromPeer(std::string(1000, 'b'));
  EXPECT_EQ(Tcp().Unread(socket_.get()), 1100u);
  EXPECT_EQ(Receive(), 1100u);
  EXPECT_EQ(Tcp().Unread(socket_.get()), 0u);
}

TEST_F(TransportTest, UnreadAtUrgentDataIsWhatIsBehindIt) {
  SendFromPeer("!", MSG_OOB);
  SendFromPeer(std::string(1000, 'b'));
  ASSERT_EQ(::shutdown(peer_.get(), SHUT_WR), 0);
  EXPECT_EQ(Tcp().Unread(socket_.get()), 1000u);
  EXPECT_EQ(Receive(), 1000u);
}

TEST_F(TransportTest, UnreadCountsUrgentDataThatIsReceivedInLine) {
  const int on = 1;
  ASSERT_EQ(::setsockopt(socket_.get(), SOL_SOCKET, SO_OOBINLINE, &on, sizeof on), 0);
  SendFromPeer("!", MSG_OOB);
  SendFromPeer(std::string(1000, 'b'));
  EXPECT_EQ(Tcp().Unread(socket_.get()), 1001u);
  EXPECT_EQ(Receive(), 1001u) << "the option has changed";
}

TEST_F(TransportTest, AResetDoesNotWaitForOtherDescriptors) {
  const UniqueFd copy(::fcntl(socket_.get(), F_DUPFD_CLOEXEC, 0));
  Tcp().Reset(socket_.get());
  socket_.Reset();
  EXPECT_EQ(EndOfPeer(), ECONNRESET);
}

TEST_F(TransportTest, WhereTheKernelRefusesAResetItIsLeftToClose) {
  testing::FaultySys kernel;
  kernel.Fail(testing::Call::kResetConnection, EPERM);
  Tcp().Reset(socket_.get());
  socket_.Reset();
  EXPECT_EQ(EndOfPeer(), ECONNRESET);
}

}  // namespace
}  // namespace rondo::net
