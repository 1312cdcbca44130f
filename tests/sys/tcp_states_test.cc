// What recv, send, shutdown and poll say of a TCP socket in each of its states.

#include <cerrno>
#include <string>
#include <utility>

#include "gtest/gtest.h"
#include "sys/sys.h"
#include "tests/sys/machine.h"

namespace rondo::sys {
namespace {

constexpr uint32_t kOver = kIn | kOut | kPeerEnd | kHangUp;

TEST(TcpStatesTest, AFreshSocketIsNotConnected) {
  OnMachine([] {
    const UniqueFd socket = NewSocket();
    EXPECT_EQ(EventsOf(socket.get(), kOut | kHangUp), kOut | kHangUp);
    EXPECT_EQ(Take(socket.get()), "ENOTCONN");
    EXPECT_EQ(Put(socket.get(), "x"), -EPIPE);
    EXPECT_EQ(Shutdown(socket.get(), SHUT_WR), -ENOTCONN);
    EXPECT_EQ(Accept(socket.get(), nullptr, nullptr), -EINVAL);
    EXPECT_EQ(UnacknowledgedBytes(socket.get()), 0);
    EXPECT_EQ(UnreadBytes(socket.get()), 0);
  });
}

TEST(TcpStatesTest, AListenerOnlyAccepts) {
  OnMachine([] {
    const UniqueFd listener = NewListener();
    EXPECT_EQ(EventsOf(listener.get(), 0), 0u);
    EXPECT_EQ(Accept(listener.get(), nullptr, nullptr), -EAGAIN);
    EXPECT_EQ(Take(listener.get()), "ENOTCONN");
    EXPECT_EQ(Put(listener.get(), "x"), -EPIPE);
    EXPECT_EQ(UnacknowledgedBytes(listener.get()), -EINVAL);
    EXPECT_EQ(UnreadBytes(listener.get()), -EINVAL);
    const UniqueFd client = NewClient(listener.get());
    EXPECT_EQ(EventsOf(listener.get(), kIn), kIn);
    EXPECT_TRUE(AcceptOne(listener.get()));
    EXPECT_EQ(EventsOf(listener.get(), 0), 0u);
  });
}

TEST(TcpStatesTest, WhereNoneListensAConnectIsRefused) {
  OnMachine([] {
    const SocketAddress nobody = AddressOf(NewListener().get());
    UniqueFd socket = NewSocket();
    EXPECT_EQ(Connect(socket.get(), nobody), -EINPROGRESS);
    EXPECT_EQ(EventsOf(socket.get(), kOver | kError), kOver | kError);
    EXPECT_EQ(GetNumber(socket.get(), SOL_SOCKET, SO_ERROR), ECONNREFUSED);
    EXPECT_EQ(GetNumber(socket.get(), SOL_SOCKET, SO_ERROR), 0);
    EXPECT_EQ(EventsOf(socket.get(), kOver), kOver);
    EXPECT_EQ(Take(socket.get()), "");
    EXPECT_EQ(Put(socket.get(), "x"), -EPIPE);
    socket = NewSocket();
    EXPECT_EQ(Connect(socket.get(), nobody), -EINPROGRESS);
    EXPECT_EQ(EventsOf(socket.get(), kOver | kError), kOver | kError);
    EXPECT_EQ(Put(socket.get(), "x"), -ECONNREFUSED);
    EXPECT_EQ(Put(socket.get(), "x"), -EPIPE);
  });
}

TEST(TcpStatesTest, BytesArriveInTheirOrder) {
  OnMachine([] {
    const auto [socket, peer] = NewConnection();
    EXPECT_EQ(EventsOf(socket.get(), kOut), kOut);
    EXPECT_EQ(Take(socket.get()), "EAGAIN");
    EXPECT_EQ(Put(peer.get(), "one"), 3);
    EXPECT_EQ(Put(peer.get(), "two"), 3);
    EXPECT_EQ(EventsOf(socket.get(), kIn | kOut), kIn | kOut);
    EXPECT_EQ(Take(socket.get(), 2), "on");
    EXPECT_EQ(UnreadBytes(socket.get()), 4);
    EXPECT_EQ(Take(socket.get()), "etwo");
    EXPECT_EQ(Take(socket.get()), "EAGAIN");
    EXPECT_EQ(EventsOf(socket.get(), kOut), kOut);
    const std::string bytes = "threefour";
    const iovec pieces[] = {{const_cast<char*>(bytes.data()), 5},
                            {const_cast<char*>(bytes.data()) + 5, 4}};
    EXPECT_EQ(SendMessage(socket.get(), pieces, 2), 9);
    EXPECT_EQ(EventsOf(peer.get(), kIn | kOut), kIn | kOut);
    EXPECT_EQ(Take(peer.get()), bytes);
  });
}

TEST(TcpStatesTest, WhenThePeerHasEndedThisSideMaySend) {
  OnMachine([] {
    const auto [socket, peer] = NewConnection();
    EXPECT_EQ(Put(peer.get(), "last"), 4);
    EXPECT_EQ(Shutdown(peer.get(), SHUT_WR), 0);
    EXPECT_EQ(EventsOf(socket.get(), kIn | kOut | kPeerEnd), kIn | kOut | kPeerEnd);
    EXPECT_EQ(UnreadBytes(socket.get()), 4);
    EXPECT_EQ(Take(socket.get()), "last");
    EXPECT_EQ(Take(socket.get()), "");
    EXPECT_EQ(Take(socket.get()), "");
    EXPECT_EQ(EventsOf(socket.get(), kIn | kOut | kPeerEnd), kIn | kOut | kPeerEnd);
    EXPECT_EQ(Put(socket.get(), "reply"), 5);
    EXPECT_EQ(EventsOf(peer.get(), kIn | kOut), kIn | kOut);
    EXPECT_EQ(Take(peer.get()), "reply");
    EXPECT_EQ(Take(peer.get()), "EAGAIN");
  });
}

TEST(TcpStatesTest, WhoHasEndedSendsNoMore) {
  OnMachine([] {
    const auto [socket, peer] = NewConnection();
    EXPECT_EQ(Shutdown(socket.get(), SHUT_WR), 0);
    EXPECT_EQ(Put(socket.get(), "x"), -EPIPE);
    EXPECT_EQ(Shutdown(socket.get(), SHUT_WR), 0);
    EXPECT_EQ(EventsOf(socket.get(), kOut), kOut);
    EXPECT_EQ(Take(socket.get()), "EAGAIN");
  });
}

TEST(TcpStatesTest, OnceBothHaveEndedNothingIsLeft) {
  OnMachine([] {
    const auto [first, second] = NewConnection();
    EXPECT_EQ(Shutdown(first.get(), SHUT_WR), 0);
    EXPECT_EQ(EventsOf(second.get(), kIn | kOut | kPeerEnd), kIn | kOut | kPeerEnd);
    EXPECT_EQ(Put(second.get(), "late"), 4);
    EXPECT_EQ(Shutdown(second.get(), SHUT_WR), 0);
    for (const int socket : {first.get(), second.get()}) {
      EXPECT_EQ(EventsOf(socket, kOver), kOver);
      EXPECT_EQ(Put(socket, "x"), -EPIPE);
      EXPECT_EQ(Shutdown(socket, SHUT_WR), -ENOTCONN);
      EXPECT_EQ(GetNumber(socket, SOL_SOCKET, SO_ERROR), 0);
    }
    EXPECT_EQ(Take(first.get()), "late");
    EXPECT_EQ(Take(first.get()), "");
    EXPECT_EQ(Take(second.get()), "");
  });
}

TEST(TcpStatesTest, AResetIsToldOnceAfterWhatHadArrived) {
  OnMachine([] {
    auto [socket, peer] = NewConnection();
    EXPECT_EQ(Put(peer.get(), "before"), 6);
    EXPECT_EQ(EventsOf(socket.get(), kIn | kOut), kIn | kOut);
    CloseWithReset(peer);
    EXPECT_EQ(EventsOf(socket.get(), kOver | kError), kOver | kError);
    EXPECT_EQ(Take(socket.get()), "before");
    EXPECT_EQ(Take(socket.get()), "ECONNRESET");
    EXPECT_EQ(EventsOf(socket.get(), kOver), kOver);
    EXPECT_EQ(Take(socket.get()), "");
    EXPECT_EQ(Put(socket.get(), "x"), -EPIPE);
    EXPECT_EQ(Shutdown(socket.get(), SHUT_WR), -ENOTCONN);
  });
}

TEST(TcpStatesTest, ASendTellsOfAResetAndTakesItAway) {
  OnMachine([] {
    auto [socket, peer] = NewConnection();
    CloseWithReset(peer);
    EXPECT_EQ(EventsOf(socket.get(), kOver | kError), kOver | kError);
    EXPECT_EQ(Put(socket.get(), "x"), -ECONNRESET);
    EXPECT_EQ(Put(socket.get(), "x"), -EPIPE);
    EXPECT_EQ(Take(socket.get()), "");
  });
}

TEST(TcpStatesTest, WhoSendsToAClosedSocketIsReset) {
  OnMachine([] {
    auto [socket, peer] = NewConnection();
    peer.Reset();
    EXPECT_EQ(EventsOf(socket.get(), kIn | kOut | kPeerEnd), kIn | kOut | kPeerEnd);
    EXPECT_EQ(Put(socket.get(), "x"), 1);
    EXPECT_EQ(EventsOf(socket.get(), kOver | kError), kOver | kError);
    // The end had come before: recv tells of that, and the error stays.
    EXPECT_EQ(Take(socket.get()), "");
    EXPECT_EQ(Put(socket.get(), "x"), -EPIPE);
    EXPECT_EQ(EventsOf(socket.get(), kOver), kOver);
  });
}

TEST(TcpStatesTest, WhoHasEndedAndIsResetIsToldSo) {
  OnMachine([] {
    auto [socket, peer] = NewConnection();
    EXPECT_EQ(Shutdown(socket.get(), SHUT_WR), 0);
    EXPECT_EQ(EventsOf(peer.get(), kIn | kOut | kPeerEnd), kIn | kOut | kPeerEnd);
    CloseWithReset(peer);
    EXPECT_EQ(EventsOf(socket.get(), kOver | kError), kOver | kError);
    EXPECT_EQ(Take(socket.get()), "ECONNRESET");
    EXPECT_EQ(Take(socket.get()), "");
  });
}

TEST(TcpStatesTest, ASocketThatIsClosedUnreadIsReset) {
  OnMachine([] {
    auto [socket, peer] = NewConnection();
    EXPECT_EQ(Put(socket.get(), "unread"), 6);
    EXPECT_EQ(EventsOf(peer.get(), kIn | kOut), kIn | kOut);
    peer.Reset();
    EXPECT_EQ(EventsOf(socket.get(), kOver | kError), kOver | kError);
    EXPECT_EQ(Take(socket.get()), "ECONNRESET");
  });
}

TEST(TcpStatesTest, AClosedSocketStillSendsWhatWasWritten) {
  OnMachine([] {
    auto [socket, peer] = NewConnection();
    const size_t written = Fill(socket.get());
    socket.Reset();
    EXPECT_EQ(Drain(peer.get()), written);
    EXPECT_EQ(EventsOf(peer.get(), kIn | kOut | kPeerEnd), kIn | kOut | kPeerEnd);
    EXPECT_EQ(Take(peer.get()), "");
  });
}

TEST(TcpStatesTest, ResetConnectionNeedsNoClose) {
  OnMachine([] {
    auto [socket, peer] = NewConnection();
    const UniqueFd copy(Duplicate(socket.get()));
    EXPECT_EQ(Put(peer.get(), "unread"), 6);
    EXPECT_EQ(EventsOf(socket.get(), kIn | kOut), kIn | kOut);
    EXPECT_EQ(ResetConnection(socket.get()), 0);
    EXPECT_EQ(EventsOf(peer.get(), kOver | kError), kOver | kError);
    EXPECT_EQ(Take(peer.get()), "ECONNRESET");
    EXPECT_EQ(EventsOf(socket.get(), kOut | kHangUp | kError), kOut | kHangUp | kError);
    EXPECT_EQ(Take(socket.get()), "ECONNRESET");
    EXPECT_EQ(Take(socket.get()), "ENOTCONN");
    EXPECT_EQ(Put(socket.get(), "x"), -EPIPE);
  });
}

TEST(TcpStatesTest, AFullSendBufferHasRoomOnceThePeerReads) {
  OnMachine([] {
    const auto [socket, peer] = NewConnection();
    const size_t written = Fill(socket.get());
    EXPECT_EQ(EventsOf(socket.get(), 0), 0u);
    EXPECT_EQ(Put(socket.get(), "x"), -EAGAIN);
    EXPECT_GT(UnacknowledgedBytes(socket.get()), 0);
    EXPECT_EQ(Drain(peer.get()), written);
    EXPECT_EQ(EventsOf(socket.get(), kOut), kOut);
    for (int i = 0; i < 200 && UnacknowledgedBytes(socket.get()) > 0; ++i) LetPass();
    EXPECT_EQ(UnacknowledgedBytes(socket.get()), 0);
  });
}

TEST(TcpStatesTest, AFinCountsAsAByteUntilItIsAcknowledged) {
  OnMachine([] {
    const auto [socket, peer] = NewConnection();
    const size_t written = Fill(socket.get());
    const int before = UnacknowledgedBytes(socket.get());
    EXPECT_EQ(Shutdown(socket.get(), SHUT_WR), 0);
    EXPECT_EQ(UnacknowledgedBytes(socket.get()), before + 1);
    EXPECT_EQ(Drain(peer.get()), written);
    for (int i = 0; i < 200 && UnacknowledgedBytes(socket.get()) > 0; ++i) LetPass();
    EXPECT_EQ(UnacknowledgedBytes(socket.get()), 0);
  });
}

}  // namespace
}  // namespace rondo::sys
