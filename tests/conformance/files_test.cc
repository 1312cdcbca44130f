// Files that are sent: what they hold is bounded, and what cannot be sent is refused at once.

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

#include "rondo/rondo.h"

#include "gtest/gtest.h"
#include "tests/server/server_test.h"

namespace rondo::testing {
namespace {

class FilesTest : public ConformanceTest {};
INSTANTIATE_TEST_SUITE_P(All, FilesTest, ::testing::ValuesIn(Setups()), NameOf);

TEST_P(FilesTest, HoldsUpAPeerThatAsksForFilesAndNeverReads) {
  const std::unique_ptr<FILE, int (*)(FILE*)> file(std::tmpfile(), std::fclose);
  std::fputs(std::string(1 << 20, 'x').c_str(), file.get());
  std::fflush(file.get());
  handler.on_traffic = [&](Connection& connection) {
    const size_t requests = connection.buffered();
    EXPECT_EQ(connection.Discard(requests), requests);
    for (size_t i = 0; i < requests; ++i) (void)connection.SendFile(fileno(file.get()), 0, 1 << 20);
    return Action::kNone;
  };
  handler.on_open = [&](Connection&) {
    // The first is of the peer that never reads; the others only show that time has passed.
    return handler.opened() == 1 ? Action::kNone : Action::kClose;
  };
  const auto server = Start();
  Client client = Connect({.receive_buffer_bytes = 4096});
  ASSERT_TRUE(handler.WaitForOpened(1));
  const size_t before = CountDescriptors();
  for (int i = 0; i < 2000; ++i) {
    ASSERT_TRUE(client.Send("f"));
    // One request at a time, as far as the server takes them.
    if (i % 20 == 0) Connect().WaitForEnd();
  }
  // All of it waits for one file, and passes through a transform without one.
  EXPECT_LT(CountDescriptors(), before + 20);
}

TEST_P(FilesTest, BoundsTheDescriptorsOfFilesThatWait) {
  if (transform != nullptr) GTEST_SKIP() << "a transform reads files at once";
  using File = std::unique_ptr<FILE, int (*)(FILE*)>;
  constexpr size_t kBytes = 128 << 10;
  std::vector<File> files;
  for (int i = 0; i < 100; ++i) {
    files.emplace_back(std::tmpfile(), std::fclose);
    std::fputs(std::string(kBytes, 'x').c_str(), files.back().get());
    std::fflush(files.back().get());
  }
  std::atomic<size_t> above_from = 0, accepted = 0;
  std::atomic<int> writable = 0;
  handler.on_traffic = [&](Connection& connection) {
    connection.Next();
    const size_t before = CountDescriptors();
    for (const File& file : files) {
      // Twice, and by another descriptor: the same file nevertheless.
      const UniqueFd again(::dup(fileno(file.get())));
      const WriteResult result = connection.SendFile(fileno(file.get()), 0, kBytes);
      if (result == WriteResult::kRefused) break;
      EXPECT_NE(connection.SendFile(again.get(), 0, kBytes), WriteResult::kRefused);
      if (result == WriteResult::kOk) ++above_from;
      ++accepted;
    }
    EXPECT_LE(CountDescriptors(), before + accepted + 1);
    return Action::kNone;
  };
  handler.on_writable = [&](Connection& connection) {
    ++writable;
    EXPECT_NE(connection.SendFile(fileno(files[99].get()), 0, 1), WriteResult::kRefused);
    connection.Close();
  };
  const auto server = Start();
  Client client = Connect();
  ASSERT_TRUE(client.Send("x"));
  const size_t received = client.ReceiveAll().size();
  EXPECT_EQ(client.ending(), Client::Ending::kFin);
  EXPECT_EQ(writable, 1);
  EXPECT_EQ(above_from, 15u);
  EXPECT_EQ(accepted, 64u);
  EXPECT_EQ(received, 2 * accepted * kBytes + 1);
}

TEST_P(FilesTest, RefusesAtOnceWhatSendfileCannotSend) {
  std::array<int, 2> pipe = {}, sockets = {};
  ASSERT_EQ(::pipe(pipe.data()), 0);
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, sockets.data()), 0);
  const UniqueFd reader(pipe[0]), writer(pipe[1]), socket(sockets[0]), other_socket(sockets[1]);
  ASSERT_EQ(::write(writer.get(), "hello", 5), 5);
  const UniqueFd directory(::open("/tmp", O_RDONLY));
  const UniqueFd path(::open("/proc/self/exe", O_PATH));
  const std::string name = absl::StrCat("/tmp/rondo_write_only_", ::getpid());
  const UniqueFd write_only(::open(name.c_str(), O_WRONLY | O_CREAT, 0600));
  ::unlink(name.c_str());
  const std::array<int, 6> refused = {reader.get(), socket.get(),     directory.get(),
                                      path.get(),   write_only.get(), -1};
  handler.on_traffic = [&](Connection& connection) {
    connection.Next();
    for (const int fd : refused) {
      EXPECT_EQ(connection.SendFile(fd, 0, 5), WriteResult::kRefused) << fd;
    }
    (void)connection.Write("alive");
    return Action::kNone;
  };
  const auto server = Start();
  Client client = Connect();
  ASSERT_TRUE(client.Send("x"));
  EXPECT_EQ(client.Receive(5), "alive");
}

}  // namespace
}  // namespace rondo::testing
