// What epoll(7) reports, how often, in which order, and after which change.

#include <sys/epoll.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "sys/sys.h"
#include "tests/sys/machine.h"

namespace rondo::sys {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr uint32_t kEdge = EPOLLET;

// "3:IN OUT", of the entry with the data 3.
std::string Name(const epoll_event& event) {
  std::string name = std::to_string(event.data.u64) + ":";
  for (const auto& [bit, text] : {std::pair{kIn, " IN"}, std::pair{kOut, " OUT"},
                                  std::pair{kPeerEnd, " RDHUP"}, std::pair{kHangUp, " HUP"},
                                  std::pair{kError, " ERR"}}) {
    if ((event.events & bit) != 0) name += text;
  }
  return name;
}

std::vector<std::string> Report(int epoll, int capacity = 16, int timeout_ms = 0) {
  std::array<epoll_event, 16> events;
  const int count = EpollWait(epoll, events.data(), capacity, timeout_ms);
  EXPECT_GE(count, 0);
  std::vector<std::string> names;
  for (int i = 0; i < count; ++i) names.push_back(Name(events[static_cast<size_t>(i)]));
  return names;
}

int Add(const UniqueFd& epoll, int fd, uint32_t events, uint64_t data) {
  return EpollControl(epoll.get(), EPOLL_CTL_ADD, fd, events, data);
}
int Modify(const UniqueFd& epoll, int fd, uint32_t events, uint64_t data) {
  return EpollControl(epoll.get(), EPOLL_CTL_MOD, fd, events, data);
}
int Delete(const UniqueFd& epoll, int fd) {
  return EpollControl(epoll.get(), EPOLL_CTL_DEL, fd, 0, 0);
}

// Sends, and waits until it has arrived.
void PutThrough(const UniqueFd& from, const UniqueFd& to, const std::string& bytes) {
  const int before = UnreadBytes(to.get());
  EXPECT_EQ(Put(from.get(), bytes), static_cast<int>(bytes.size()));
  const int expected = before + static_cast<int>(bytes.size());
  for (int i = 0; i < 2000 && UnreadBytes(to.get()) < expected; ++i) LetPass();
}

TEST(EpollTest, RefusesWhatMakesNoSense) {
  OnMachine([] {
    const UniqueFd epoll(EpollCreate());
    const auto [socket, peer] = NewConnection();
    EXPECT_EQ(Modify(epoll, socket.get(), kIn, 1), -ENOENT);
    EXPECT_EQ(Delete(epoll, socket.get()), -ENOENT);
    EXPECT_EQ(Add(epoll, socket.get(), kIn, 1), 0);
    EXPECT_EQ(Add(epoll, socket.get(), kIn, 1), -EEXIST);
    EXPECT_EQ(Delete(epoll, socket.get()), 0);
    EXPECT_EQ(Add(epoll, 9999, kIn, 1), -EBADF);
    EXPECT_EQ(EpollControl(9999, EPOLL_CTL_ADD, socket.get(), kIn, 1), -EBADF);
    EXPECT_EQ(EpollControl(peer.get(), EPOLL_CTL_ADD, socket.get(), kIn, 1), -EINVAL);
    EXPECT_EQ(Add(epoll, FileWith("x").get(), kIn, 1), -EPERM);
    EXPECT_EQ(Add(epoll, UniqueFd(OpenReserve()).get(), kIn, 1), -EPERM);
    epoll_event event;
    EXPECT_EQ(EpollWait(peer.get(), &event, 1, 0), -EINVAL);
    EXPECT_EQ(EpollWait(9999, &event, 1, 0), -EBADF);
  });
}

TEST(EpollTest, ALevelIsReportedForAsLongAsItLasts) {
  OnMachine([] {
    const UniqueFd epoll(EpollCreate());
    const auto [socket, peer] = NewConnection();
    EXPECT_EQ(Add(epoll, socket.get(), kIn, 1), 0);
    EXPECT_THAT(Report(epoll.get()), IsEmpty());
    PutThrough(peer, socket, "x");
    EXPECT_THAT(Report(epoll.get()), ElementsAre("1: IN"));
    EXPECT_THAT(Report(epoll.get()), ElementsAre("1: IN"));
    EXPECT_EQ(Take(socket.get()), "x");
    EXPECT_THAT(Report(epoll.get()), IsEmpty());
  });
}

TEST(EpollTest, AnEdgeIsReportedOnceForEachArrival) {
  OnMachine([] {
    const UniqueFd epoll(EpollCreate());
    const auto [socket, peer] = NewConnection();
    PutThrough(peer, socket, "x");
    EXPECT_EQ(Add(epoll, socket.get(), kIn | kEdge, 1), 0);
    EXPECT_THAT(Report(epoll.get()), ElementsAre("1: IN"));
    EXPECT_THAT(Report(epoll.get()), IsEmpty());
    PutThrough(peer, socket, "y");
    EXPECT_THAT(Report(epoll.get()), ElementsAre("1: IN"));
    // What is gone when it is asked for is not reported.
    PutThrough(peer, socket, "z");
    EXPECT_EQ(Take(socket.get()), "xyz");
    EXPECT_THAT(Report(epoll.get()), IsEmpty());
  });
}

TEST(EpollTest, AnEdgeTellsAllThatIsTrue) {
  OnMachine([] {
    const UniqueFd epoll(EpollCreate());
    const auto [socket, peer] = NewConnection();
    EXPECT_EQ(Add(epoll, socket.get(), kIn | kOut | kPeerEnd | kEdge, 1), 0);
    EXPECT_THAT(Report(epoll.get()), ElementsAre("1: OUT"));
    PutThrough(peer, socket, "x");
    EXPECT_THAT(Report(epoll.get()), ElementsAre("1: IN OUT"));
    EXPECT_EQ(Shutdown(peer.get(), SHUT_WR), 0);
    EXPECT_EQ(EventsOf(socket.get(), kIn | kOut | kPeerEnd), kIn | kOut | kPeerEnd);
    EXPECT_THAT(Report(epoll.get()), ElementsAre("1: IN OUT RDHUP"));
    EXPECT_THAT(Report(epoll.get()), IsEmpty());
  });
}

TEST(EpollTest, EndingTheOutputIsAnEdge) {
  OnMachine([] {
    const UniqueFd epoll(EpollCreate());
    const auto [socket, peer] = NewConnection();
    EXPECT_EQ(Add(epoll, socket.get(), kIn | kOut | kPeerEnd | kEdge, 1), 0);
    EXPECT_THAT(Report(epoll.get()), ElementsAre("1: OUT"));
    EXPECT_EQ(Shutdown(socket.get(), SHUT_WR), 0);
    EXPECT_THAT(Report(epoll.get()), ElementsAre("1: OUT"));
  });
}

TEST(EpollTest, AChangeHasAnEdgeReportedAgain) {
  OnMachine([] {
    const UniqueFd epoll(EpollCreate());
    const auto [socket, peer] = NewConnection();
    EXPECT_EQ(Add(epoll, socket.get(), kOut | kEdge, 1), 0);
    EXPECT_THAT(Report(epoll.get()), ElementsAre("1: OUT"));
    EXPECT_EQ(Modify(epoll, socket.get(), kOut | kEdge, 2), 0);
    EXPECT_THAT(Report(epoll.get()), ElementsAre("2: OUT"));
    EXPECT_THAT(Report(epoll.get()), IsEmpty());
    EXPECT_EQ(Modify(epoll, socket.get(), kIn, 2), 0);
    EXPECT_THAT(Report(epoll.get()), IsEmpty());
  });
}

TEST(EpollTest, FailuresAreReportedUnasked) {
  OnMachine([] {
    const UniqueFd epoll(EpollCreate());
    auto [socket, peer] = NewConnection();
    EXPECT_EQ(Add(epoll, socket.get(), 0, 1), 0);
    PutThrough(peer, socket, "x");
    EXPECT_THAT(Report(epoll.get()), IsEmpty());
    CloseWithReset(peer);
    EXPECT_THAT(Report(epoll.get(), 16, 1000), ElementsAre("1: HUP ERR"));
    EXPECT_EQ(GetNumber(socket.get(), SOL_SOCKET, SO_ERROR), ECONNRESET);
    EXPECT_THAT(Report(epoll.get()), ElementsAre("1: HUP"));
    EXPECT_EQ(Delete(epoll, socket.get()), 0);
    EXPECT_THAT(Report(epoll.get()), IsEmpty());
  });
}

TEST(EpollTest, RoomIsAnEdgeAfterThereWasNone) {
  OnMachine([] {
    const UniqueFd epoll(EpollCreate());
    const auto [socket, peer] = NewConnection();
    EXPECT_EQ(Add(epoll, socket.get(), kOut | kEdge, 1), 0);
    EXPECT_THAT(Report(epoll.get()), ElementsAre("1: OUT"));
    (void)Fill(socket.get());
    (void)Report(epoll.get());
    EXPECT_THAT(Report(epoll.get()), IsEmpty());
    (void)Drain(peer.get());
    EXPECT_THAT(Report(epoll.get(), 16, 1000), ElementsAre("1: OUT"));
  });
}

TEST(EpollTest, EachSignalOfAnEventFdIsAnEdge) {
  OnMachine([] {
    const UniqueFd epoll(EpollCreate());
    const UniqueFd event(EventFd());
    EXPECT_EQ(Add(epoll, event.get(), kIn | kEdge, 7), 0);
    EXPECT_THAT(Report(epoll.get()), IsEmpty());
    for (int i = 0; i < 3; ++i) {
      EXPECT_EQ(SignalEventFd(event.get()), 8);
      EXPECT_THAT(Report(epoll.get()), ElementsAre("7: IN"));
      EXPECT_THAT(Report(epoll.get()), IsEmpty());
    }
    EXPECT_EQ(Modify(epoll, event.get(), kIn, 7), 0);
    EXPECT_THAT(Report(epoll.get()), ElementsAre("7: IN"));
    EXPECT_THAT(Report(epoll.get()), ElementsAre("7: IN"));
  });
}

TEST(EpollTest, ThoseThatWereReportedWaitBehindTheOthers) {
  OnMachine([] {
    const UniqueFd epoll(EpollCreate());
    std::vector<UniqueFd> events;
    for (uint64_t i = 0; i < 4; ++i) {
      events.emplace_back(EventFd());
      EXPECT_EQ(Add(epoll, events.back().get(), i == 1 ? kIn | kEdge : kIn, i), 0);
    }
    for (const size_t i : {3, 0, 2, 1}) EXPECT_EQ(SignalEventFd(events[i].get()), 8);
    EXPECT_THAT(Report(epoll.get(), 2), ElementsAre("3: IN", "0: IN"));
    EXPECT_THAT(Report(epoll.get(), 3), ElementsAre("2: IN", "1: IN", "3: IN"));
    EXPECT_THAT(Report(epoll.get()), ElementsAre("0: IN", "2: IN", "3: IN"));
  });
}

TEST(EpollTest, ADuplicateKeepsTheEntryOfANumberThatWasClosed) {
  OnMachine([] {
    const UniqueFd epoll(EpollCreate());
    UniqueFd event(EventFd());
    EXPECT_EQ(Add(epoll, event.get(), kIn, 1), 0);
    UniqueFd copy(Duplicate(event.get()));
    EXPECT_EQ(Add(epoll, copy.get(), kIn, 2), 0);
    const int number = event.get();
    event.Reset();
    EXPECT_EQ(SignalEventFd(copy.get()), 8);
    EXPECT_THAT(Report(epoll.get()), ::testing::UnorderedElementsAre("1: IN", "2: IN"));
    EXPECT_EQ(Delete(epoll, number), -EBADF);
    // Another file with the number has an entry of its own.
    const UniqueFd other(EventFd());
    EXPECT_EQ(other.get(), number);
    EXPECT_EQ(Delete(epoll, number), -ENOENT);
    EXPECT_EQ(Add(epoll, number, kIn, 3), 0);
    EXPECT_EQ(SignalEventFd(number), 8);
    EXPECT_THAT(Report(epoll.get()), ::testing::UnorderedElementsAre("1: IN", "2: IN", "3: IN"));
    copy.Reset();
    EXPECT_THAT(Report(epoll.get()), ElementsAre("3: IN"));
  });
}

TEST(EpollTest, AWaitEndsWithItsTimeAndNotBefore) {
  OnMachine([] {
    const UniqueFd epoll(EpollCreate());
    int64_t begin = Now();
    EXPECT_THAT(Report(epoll.get(), 16, 20), IsEmpty());
    EXPECT_GE(Now() - begin, 20'000'000);
    begin = Now();
    epoll_event event;
    EXPECT_EQ(EpollWaitNanoseconds(epoll.get(), &event, 1, 300'000), 0);
    EXPECT_GE(Now() - begin, 300'000);
  });
}

TEST(EpollTest, AWaitIsEndedByAnotherThread) {
  OnMachine([] {
    const UniqueFd epoll(EpollCreate());
    const UniqueFd event(EventFd());
    EXPECT_EQ(Add(epoll, event.get(), kIn | kEdge, 1), 0);
    std::vector<std::string> reported;
    Thread thread;
    ASSERT_EQ(StartThread("", [&] { reported = Report(epoll.get(), 16, -1); }, &thread), 0);
    LetPass();
    EXPECT_EQ(SignalEventFd(event.get()), 8);
    JoinThread(thread);
    EXPECT_THAT(reported, ElementsAre("1: IN"));
  });
}

}  // namespace
}  // namespace rondo::sys
