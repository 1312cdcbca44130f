// Numbers of descriptors, their limit, and files.

#include <array>
#include <cerrno>
#include <string>
#include <utility>
#include <vector>

#include "base/file_id.h"

#include "gtest/gtest.h"
#include "sys/sys.h"
#include "tests/sys/machine.h"

namespace rondo::sys {
namespace {

TEST(DescriptorsTest, TheLowestNumberThatIsFreeIsNext) {
  OnMachine([] {
    UniqueFd first(EventFd()), second(EventFd()), third(EventFd());
    EXPECT_LT(first.get(), second.get());
    const int number = first.get();
    first.Reset();
    const UniqueFd next(Duplicate(third.get()));
    EXPECT_EQ(next.get(), number);
    EXPECT_EQ(Close(9999), -EBADF);
    EXPECT_EQ(Close(-1), -EBADF);
    EXPECT_EQ(Duplicate(9999), -EBADF);
  });
}

TEST(DescriptorsTest, AtTheLimitThereAreNoMore) {
  OnMachine([] {
    const UniqueFd listener = NewListener();
    const UniqueFd client = NewClient(listener.get());
    UniqueFd last(EventFd());
    SetDescriptorLimit(static_cast<size_t>(last.get()) + 1);
    EXPECT_EQ(EventFd(), -EMFILE);
    EXPECT_EQ(EpollCreate(), -EMFILE);
    EXPECT_EQ(OpenReserve(), -EMFILE);
    EXPECT_EQ(Duplicate(listener.get()), -EMFILE);
    EXPECT_EQ(Socket(AF_INET, SOCK_STREAM, 0), -EMFILE);
    // Also when none waits; and one that waits goes on waiting.
    EXPECT_EQ(Accept(listener.get(), nullptr, nullptr), -EMFILE);
    EXPECT_EQ(EventsOf(listener.get(), kIn), kIn);
    last.Reset();
    const UniqueFd socket = AcceptOne(listener.get());
    EXPECT_EQ(Accept(listener.get(), nullptr, nullptr), -EMFILE);
  });
}

TEST(DescriptorsTest, ADuplicateKeepsAConnection) {
  OnMachine([] {
    auto [socket, peer] = NewConnection();
    UniqueFd copy(Duplicate(socket.get()));
    socket.Reset();
    EXPECT_EQ(Put(copy.get(), "x"), 1);
    EXPECT_EQ(EventsOf(peer.get(), kIn | kOut), kIn | kOut);
    EXPECT_EQ(Take(peer.get()), "x");
    copy.Reset();
    EXPECT_EQ(EventsOf(peer.get(), kIn | kOut | kPeerEnd), kIn | kOut | kPeerEnd);
  });
}

TEST(DescriptorsTest, WhatIsNoSocketIsNoSocket) {
  OnMachine([] {
    const UniqueFd event(EventFd());
    EXPECT_EQ(Take(event.get()), "ENOTSOCK");
    EXPECT_EQ(Put(event.get(), "x"), -ENOTSOCK);
    EXPECT_EQ(Listen(event.get(), 1), -ENOTSOCK);
    EXPECT_EQ(Accept(event.get(), nullptr, nullptr), -ENOTSOCK);
    EXPECT_EQ(Shutdown(event.get(), SHUT_WR), -ENOTSOCK);
    EXPECT_EQ(GetNumber(event.get(), SOL_SOCKET, SO_ERROR), -ENOTSOCK);
    EXPECT_EQ(Take(9999), "EBADF");
    EXPECT_EQ(Put(9999, "x"), -EBADF);
  });
}

TEST(FilesTest, AreReadAtAnyPlace) {
  OnMachine([] {
    const UniqueFd file = FileWith("0123456789");
    std::array<char, 16> bytes;
    EXPECT_EQ(ReadAt(file.get(), bytes.data(), 4, 3), 4);
    EXPECT_EQ(std::string(bytes.data(), 4), "3456");
    EXPECT_EQ(ReadAt(file.get(), bytes.data(), 16, 8), 2);
    EXPECT_EQ(ReadAt(file.get(), bytes.data(), 16, 10), 0);
    EXPECT_EQ(ReadAt(file.get(), nullptr, 0, 0), 0);
    base::FileId id, same, other;
    const UniqueFd copy(Duplicate(file.get()));
    EXPECT_EQ(IdentifyFile(file.get(), &id), 0);
    EXPECT_EQ(IdentifyFile(copy.get(), &same), 0);
    EXPECT_EQ(id, same);
    const UniqueFd event(EventFd());
    EXPECT_EQ(IdentifyFile(event.get(), &other), -EINVAL);
    EXPECT_EQ(IdentifyFile(UniqueFd(OpenReserve()).get(), &other), -EINVAL);
    EXPECT_EQ(OpenToRead("/no/such/file"), -ENOENT);
  });
}

TEST(FilesTest, AreSentFromTheirOffsetToTheirEnd) {
  OnMachine([] {
    const UniqueFd file = FileWith("0123456789");
    const auto [socket, peer] = NewConnection();
    int64_t offset = 2;
    EXPECT_EQ(SendFile(socket.get(), file.get(), &offset, 5), 5);
    EXPECT_EQ(offset, 7);
    EXPECT_EQ(SendFile(socket.get(), file.get(), &offset, 100), 3);
    EXPECT_EQ(SendFile(socket.get(), file.get(), &offset, 100), 0);
    EXPECT_EQ(offset, 10);
    EXPECT_EQ(EventsOf(peer.get(), kIn | kOut), kIn | kOut);
    std::string all;
    for (int i = 0; i < 1000 && all.size() < 8; ++i) {
      const std::string some = Take(peer.get());
      if (some != "EAGAIN") all += some;
      LetPass();
    }
    EXPECT_EQ(all, "23456789");
    EXPECT_EQ(SendFile(socket.get(), 9999, &offset, 1), -EBADF);
    offset = 0;
    (void)Fill(socket.get());
    EXPECT_EQ(SendFile(socket.get(), file.get(), &offset, 5), -EAGAIN);
    EXPECT_EQ(Shutdown(socket.get(), SHUT_WR), 0);
    EXPECT_EQ(SendFile(socket.get(), file.get(), &offset, 5), -EPIPE);
  });
}

}  // namespace
}  // namespace rondo::sys
