// Rule 4, the bytes: in order, each once, not mixed with another connection's, however they are
// written and however slowly they are read.

#include <array>
#include <atomic>
#include <cstdio>
#include <limits>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/blocking_counter.h"

#include "rondo/rondo.h"

#include "gtest/gtest.h"
#include "tests/server/server_test.h"

namespace rondo::testing {
namespace {

class BytesTest : public ConformanceTest {};
INSTANTIATE_TEST_SUITE_P(All, BytesTest, ::testing::ValuesIn(Setups()), NameOf);

TEST_P(BytesTest, EchoesManyConnectionsInBothDirectionsAtOnce) {
  const auto server = Start();
  std::vector<std::thread> pairs;
  for (uint32_t i = 0; i < 6; ++i) {
    pairs.emplace_back([this, i] {
      const std::string bytes = RandomBytes(4 << 20, i + 1);
      Client client = Connect();
      std::thread sender([&] {
        // Odd lengths, so that no two ends of anything fall together.
        for (size_t at = 0; at < bytes.size(); at += 10'007) {
          if (!client.Send(std::string_view(bytes).substr(at, 10'007))) return;
        }
        client.ShutdownWrite();
      });
      EXPECT_TRUE(client.ReceiveAll() == bytes);
      EXPECT_EQ(client.ending(), Client::Ending::kFin);
      sender.join();
    });
  }
  for (std::thread& pair : pairs) pair.join();
}

TEST_P(BytesTest, AnswersAPipelineInOrder) {
  handler.on_traffic = [](Connection& connection) {
    while (true) {
      const std::string_view waiting = connection.Peek();
      const size_t end = waiting.find('\n');
      if (end == std::string_view::npos) return Action::kNone;
      (void)connection.Write(absl::StrCat("re: ", std::string(connection.Next(end + 1))));
    }
  };
  const auto server = Start();
  std::string requests, replies;
  for (int i = 0; i < 50'000; ++i) {
    absl::StrAppend(&requests, "request ", i, "\n");
    absl::StrAppend(&replies, "re: request ", i, "\n");
  }
  Client client = Connect();
  std::thread sender([&] {
    EXPECT_TRUE(client.Send(requests));
    client.ShutdownWrite();
  });
  EXPECT_TRUE(client.ReceiveAll() == replies);
  sender.join();
}

TEST_P(BytesTest, ReassemblesWhatTheHandlerLeavesAndTakesInOddPieces) {
  std::string received;
  handler.on_traffic = [&](Connection& connection) {
    // Always leaves something, looks at everything, and takes it in different ways.
    while (connection.buffered() > 5000) {
      const size_t before = connection.buffered();
      EXPECT_EQ(connection.Peek().size(), before);
      const std::string looked(connection.Peek(1234));
      EXPECT_EQ(looked, connection.Next(1234));
      received += looked;
      std::array<char, 77> some;
      EXPECT_EQ(connection.Read(absl::MakeSpan(some)), some.size());
      received.append(some.data(), some.size());
      received += connection.Peek(9);
      EXPECT_EQ(connection.Discard(9), 9u);
      EXPECT_EQ(connection.buffered(), before - 1234 - 77 - 9);
    }
    return Action::kNone;
  };
  handler.on_peer_shutdown = [&](Connection& connection) {
    received += connection.Next();
    return Action::kClose;
  };
  const auto server = Start();
  const std::string bytes = RandomBytes(3 << 20, 7);
  Client client = Connect();
  ASSERT_TRUE(client.Send(bytes));
  client.ShutdownWrite();
  ASSERT_TRUE(handler.WaitForClosed(1));
  EXPECT_TRUE(received == bytes);
}

TEST_P(BytesTest, WritevOfMoreThanOneCallTakesIsInOrder) {
  const std::string content = RandomBytes(3 << 20, 9);
  const std::string_view all = content;
  handler.on_traffic = [&](Connection& connection) {
    connection.Discard(connection.buffered());
    (void)connection.Write(all.substr(0, 100));
    std::vector<std::string_view> pieces;
    for (size_t at = 100, i = 0; at < all.size(); at += pieces.back().size(), ++i) {
      pieces.push_back(all.substr(at, i % 7 == 0 ? 0 : i % 3 == 0 ? 20'000 : 8'000 + i));
    }
    EXPECT_GT(pieces.size(), 200u);
    EXPECT_NE(connection.Writev(pieces), WriteResult::kRefused);
    connection.Close();
    return Action::kNone;
  };
  const auto server = Start();
  Client client = Connect();
  ASSERT_TRUE(client.Send("x"));
  EXPECT_TRUE(client.ReceiveAll() == content);
}

TEST_P(BytesTest, KeepsTheOrderOfEveryKindOfWrite) {
  const std::string content = RandomBytes(300'000, 8);
  const std::unique_ptr<FILE, int (*)(FILE*)> file(std::tmpfile(), std::fclose);
  ASSERT_EQ(std::fwrite(content.data(), 1, content.size(), file.get()), content.size());
  std::fflush(file.get());
  const std::string_view all = content;
  handler.on_traffic = [&](Connection& connection) {
    connection.Discard(connection.buffered());
    size_t at = 0;
    for (size_t length = 1; at + length <= all.size(); length = length * 3 + 1) {
      const std::string_view part = all.substr(at, length);
      switch (length % 5) {
        case 0:
          (void)connection.Write(part);
          break;
        case 1:
          (void)connection.Write(std::string(part));
          break;
        case 2:
          (void)connection.SendFile(fileno(file.get()), static_cast<int64_t>(at), length);
          break;
        case 3:
          (void)connection.Writev({part.substr(0, length / 2), "", part.substr(length / 2)});
          connection.Flush();
          break;
        default:
          (void)connection.Write(part.substr(0, 1));
          (void)connection.Write(part.substr(1));
      }
      at += length;
    }
    (void)connection.Write(all.substr(at));
    return Action::kNone;
  };
  const auto server = Start();
  Client client = Connect({.receive_buffer_bytes = 4096});
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(client.Send("again"));
    EXPECT_TRUE(client.Receive(content.size()) == content) << "round " << i;
  }
}

TEST_P(BytesTest, KeepsFilesOfAnyPromisedLengthToTheirConnection) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::tmpfile(), std::fclose);
  ASSERT_EQ(std::fwrite("secret", 1, 6, file.get()), 6u);
  ASSERT_EQ(std::fflush(file.get()), 0);
  handler.on_traffic = [&](Connection& connection) {
    if (connection.Next() == "file") {
      (void)connection.SendFile(fileno(file.get()), 0, std::numeric_limits<size_t>::max());
      (void)connection.Write("!");
    } else {
      // Queued: it borrows the queue that the first one has returned.
      handler.handles()[1].Write("mine");
    }
    return Action::kNone;
  };
  options.loops = 1;
  const auto server = Start();
  Client first = Connect();
  ASSERT_TRUE(handler.WaitForOpened(1));
  Client second = Connect();
  ASSERT_TRUE(handler.WaitForOpened(2));
  ASSERT_TRUE(first.Send("file"));
  ASSERT_TRUE(Eventually([&] { return handler.story(0).ends_with("traffic"); }));
  ASSERT_TRUE(second.Send("else"));
  EXPECT_EQ(second.Receive(4), "mine");
}

TEST_P(BytesTest, KeepsTheOrderOfEachThreadThatWrites) {
  constexpr int kThreads = 4, kLines = 3000;
  handler.on_open = [](Connection&) { return Action::kNone; };
  const auto server = Start();
  Client client = Connect();
  ASSERT_TRUE(handler.WaitForOpened(1));
  const ConnectionHandle handle = handler.handles()[0];
  std::atomic<int> told = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kLines; ++i) {
        const auto done = [&](const absl::Status& status) {
          EXPECT_EQ(status, absl::OkStatus());
          ++told;
        };
        std::string text = absl::StrCat(t, " ", i, std::string(i % 100, '.'), "\n");
        if (i % 2 == 0) {
          handle.Write(std::move(text), done);
        } else {
          handle.Writev({text.substr(0, 3), text.substr(3)}, done);
        }
      }
    });
  }
  std::array<int, kThreads> next = {};
  std::string left;
  for (int line = 0; line < kThreads * kLines;) {
    const std::string got = client.Receive(1);
    ASSERT_FALSE(got.empty());
    left += got + client.Receive(0);
    if (got != "\n") continue;
    const int thread = left[0] - '0';
    ASSERT_TRUE(thread >= 0 && thread < kThreads) << left;
    ASSERT_EQ(left, absl::StrCat(thread, " ", next[thread], std::string(next[thread] % 100, '.'),
                                 "\n"));
    ++next[thread];
    ++line;
    left.clear();
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(Eventually([&] { return told == kThreads * kLines; }));
}

TEST_P(BytesTest, KeepsTheOrderOfWhatIsWrittenToManyOthers) {
  constexpr size_t kClients = 40;
  const std::string content = RandomBytes(200'000, 5);
  const std::string_view all = content;
  options.loops = 1;
  handler.on_traffic = [&](Connection& connection) {
    connection.Next();
    // Some of it waits for room: the peers read nothing meanwhile.
    for (size_t at = 0, length = 1; at < all.size(); at += length, length = length * 2 + 1) {
      const std::string_view part = all.substr(at, length);
      connection.loop().ForEach([&](Connection& other) {
        WriteResult result;
        switch (length % 4) {
          case 0:
            result = other.Write(std::string(part));
            break;
          case 1:
            result = other.Writev({part.substr(0, 1), "", part.substr(1)});
            other.Flush();
            break;
          default:
            result = other.Write(part);
        }
        EXPECT_NE(result, WriteResult::kRefused);
      });
    }
    return Action::kNone;
  };
  const auto server = Start();
  std::vector<Client> clients;
  for (size_t i = 0; i < kClients; ++i) clients.push_back(Connect({.receive_buffer_bytes = 4096}));
  ASSERT_TRUE(handler.WaitForOpened(kClients));
  for (int round = 0; round < 3; ++round) {
    ASSERT_TRUE(clients[round].Send("x"));
    for (Client& client : clients) ASSERT_TRUE(client.Receive(all.size()) == all);
  }
}

TEST_P(BytesTest, MakesProgressWhenBothSidesWriteAllBeforeTheyRead) {
  // gnet #185. By the outbound marks this side reads no more until the peer reads, so the peer,
  // which waits for its own writes only, has to begin.
  constexpr size_t kAll = 64 << 20;
  options.connection.outbound_limit_bytes = 2 * kAll;
  options.connection.outbound_high_bytes = 2 * kAll;
  const auto server = Start();
  Client client = Connect();
  const std::string bytes = RandomBytes(kAll, 9);
  ASSERT_TRUE(client.Send(bytes));
  client.ShutdownWrite();
  EXPECT_TRUE(client.ReceiveAll() == bytes);
}

}  // namespace
}  // namespace rondo::testing
