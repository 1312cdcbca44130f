#include "buffer/outbound_queue.h"

#include <sys/uio.h>

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rondo/unique_fd.h"

#include "buffer/chunk_pool.h"
#include "buffer/outbound_queue_pool.h"
#include "gtest/gtest.h"
#include "tests/buffer/outbound_bytes.h"

namespace rondo::buffer {
namespace {

using std::string_view_literals::operator""sv;

class OutboundQueueTest : public ::testing::Test {
 protected:
  ~OutboundQueueTest() override {
    queue_.reset();
    EXPECT_EQ(pool_.lent_bytes(), 0u);
  }

  ChunkPool pool_;
  std::unique_ptr<OutboundQueue> queue_ = std::make_unique<OutboundQueue>(pool_);
};

TEST_F(OutboundQueueTest, AnEmptyQueueHasNothingToSend) {
  OutboundQueue::File file;
  EXPECT_TRUE(queue_->empty());
  EXPECT_EQ(queue_->memory_bytes(), 0u);
  EXPECT_FALSE(queue_->FrontFile(&file));
  EXPECT_EQ(Sendable(*queue_, 8), "");
  queue_->Append(""sv);
  queue_->Append(std::string());
  EXPECT_TRUE(queue_->empty());
  EXPECT_EQ(queue_->FrontBytes(), "");
  EXPECT_TRUE(queue_->FrontIsAll());
}

TEST_F(OutboundQueueTest, FrontBytesAreWhatGatherShowsFirst) {
  queue_->Append("abc"sv);
  EXPECT_EQ(queue_->FrontBytes(), "abc");
  EXPECT_TRUE(queue_->FrontIsAll());
  queue_->Consume(1);
  EXPECT_EQ(queue_->FrontBytes(), "bc");
  queue_->Append(Bytes(5 * kKiB));
  EXPECT_EQ(queue_->FrontBytes(), "bc");
  EXPECT_FALSE(queue_->FrontIsAll());
  queue_->Consume(2);
  EXPECT_EQ(queue_->FrontBytes(), Bytes(5 * kKiB));
  queue_->Consume(5 * kKiB);
  EXPECT_EQ(queue_->FrontBytes(), "");
  queue_->AppendFile(FileOf("x"), 0, 1);
  EXPECT_EQ(queue_->FrontBytes(), "");
  queue_->Append("behind it"sv);
  EXPECT_FALSE(queue_->FrontIsAll());
  EXPECT_EQ(SendAll(*queue_), "xbehind it");
}

TEST_F(OutboundQueueTest, SmallWritesShareAChunkAndGoOutAsOnePiece) {
  for (const std::string_view text : {"GET "sv, "/"sv, " HTTP/1.1"sv}) queue_->Append(text);
  iovec pieces[8];
  ASSERT_EQ(queue_->Gather(pieces), 1u);
  EXPECT_EQ(Sendable(*queue_, 8), "GET / HTTP/1.1");
  EXPECT_EQ(pool_.lent_bytes(), OutboundQueue::kChunkBytes);
  EXPECT_EQ(SendAll(*queue_), "GET / HTTP/1.1");
}

TEST_F(OutboundQueueTest, ALargeStringIsKeptAndNotCopied) {
  std::string text = Bytes(100 * kKiB);
  const char* const where = text.data();
  queue_->Append(std::move(text));
  iovec pieces[8];
  ASSERT_EQ(queue_->Gather(pieces), 1u);
  EXPECT_EQ(pieces[0].iov_base, where);
  EXPECT_EQ(pieces[0].iov_len, 100 * kKiB);
  EXPECT_EQ(pool_.lent_bytes(), 0u);
  EXPECT_EQ(SendAll(*queue_), Bytes(100 * kKiB));
}

TEST_F(OutboundQueueTest, AChunkIsFilledFirstAndQueuedThenWithoutACopy) {
  OutboundQueue::Chunk chunk(pool_, 40'000);
  ASSERT_GE(chunk.room().size(), 40'000u);
  std::fill(chunk.room().begin(), chunk.room().end(), 'c');
  const char* const at = chunk.room().data();
  queue_->Append("before"sv);
  queue_->Append(std::move(chunk), 10, 40'000);
  queue_->Append("behind"sv);
  EXPECT_EQ(queue_->memory_bytes(), 6u + 39'990 + 6);
  queue_->Consume(6);
  EXPECT_EQ(queue_->FrontBytes().data(), at + 10);
  EXPECT_EQ(Sendable(*queue_, 8), std::string(39'990, 'c') + "behind") << "in the same chunk";
  queue_->Consume(39'990 + 6);
  EXPECT_TRUE(queue_->empty());
}

TEST_F(OutboundQueueTest, LittleOfALargeChunkIsCopied) {
  OutboundQueue::Chunk chunk(pool_, 40'000);
  chunk.room()[0] = 'x';
  queue_->Append(std::move(chunk), 0, 1);
  EXPECT_EQ(Sendable(*queue_, 8), "x");
  EXPECT_LE(queue_->held_bytes(), OutboundQueue::kChunkBytes);
  queue_->Consume(1);
}

TEST_F(OutboundQueueTest, AChunkMayBeLargerThanThoseOfThePool) {
  OutboundQueue::Chunk chunk(pool_, 1 << 20);
  ASSERT_GE(chunk.room().size(), size_t{1} << 20);
  std::fill(chunk.room().begin(), chunk.room().end(), 'c');
  queue_->Append(std::move(chunk), 0, 1 << 20);
  EXPECT_LE(queue_->held_bytes(), 2 * queue_->charged_bytes() + OutboundQueue::kUncountedBytes);
  queue_->Consume(1 << 20);
  EXPECT_EQ(queue_->held_bytes(), 0u);
}

TEST_F(OutboundQueueTest, AChunkThatIsNotQueuedGoesBackToThePool) {
  OutboundQueue::Chunk chunk(pool_, 100);
  EXPECT_GT(pool_.lent_bytes(), 0u);
  OutboundQueue::Chunk other = std::move(chunk);
  EXPECT_TRUE(chunk.room().empty());
  other = OutboundQueue::Chunk();
  EXPECT_EQ(pool_.lent_bytes(), 0u);
}

TEST_F(OutboundQueueTest, RoomBehindWhatIsQueuedIsFilledInPlace) {
  EXPECT_TRUE(queue_->RoomBehind(1).empty());
  queue_->Append("before"sv);
  EXPECT_TRUE(queue_->RoomBehind(OutboundQueue::kChunkBytes).empty());
  const absl::Span<char> room = queue_->RoomBehind(100);
  ASSERT_EQ(room.size(), 100u);
  std::fill(room.begin(), room.end(), 'r');
  queue_->AppendRoom(3);
  queue_->Append("behind"sv);
  EXPECT_EQ(Sendable(*queue_, 8), "beforerrrbehind");
  queue_->Consume(15);
}

TEST_F(OutboundQueueTest, ACopyOfManyMegabytesComesOutWhole) {
  queue_->Append(std::string_view(Bytes(5 * kKiB * kKiB + 3)));
  EXPECT_EQ(queue_->memory_bytes(), 5 * kKiB * kKiB + 3);
  // Chunks of any size must leave little of themselves unused.
  EXPECT_LT(pool_.lent_bytes(), 6 * kKiB * kKiB);
  EXPECT_EQ(SendAll(*queue_), Bytes(5 * kKiB * kKiB + 3));
}

TEST_F(OutboundQueueTest, CopiesStringsAndFilesKeepTheirOrderAtEveryPartialSend) {
  const std::string content = Bytes(900, 7);
  const std::string large = Bytes(4200, 5);
  const std::string all =
      "head" + large + content.substr(100, 700) + "middle" + content.substr(0, 1) + large + "tail";
  for (size_t first = 0; first <= all.size(); ++first) {
    OutboundQueue queue(pool_);
    queue.Append("head"sv);
    queue.Append(std::string(large));
    queue.AppendFile(FileOf(content), 100, 700);
    queue.Append("middle"sv);
    queue.AppendFile(FileOf(content), 0, 1);
    queue.Append(std::string(large));
    queue.Append("tail"sv);
    std::string sent;
    while (sent.size() < first) {
      const std::string next = Sendable(queue, 8).substr(0, first - sent.size());
      ASSERT_FALSE(next.empty());
      queue.Consume(next.size());
      sent += next;
    }
    sent += SendAll(queue);
    ASSERT_EQ(sent, all) << "after a first send of " << first;
    ASSERT_EQ(queue.memory_bytes(), 0u);
  }
}

TEST_F(OutboundQueueTest, GatherFillsNoMoreThanItIsGiven) {
  for (size_t i = 0; i < 2000; ++i) queue_->Append(Bytes(OutboundQueue::kChunkBytes, i));
  std::vector<iovec> pieces(1024);
  EXPECT_EQ(queue_->Gather(absl::MakeSpan(pieces)), 1024u);
  EXPECT_EQ(queue_->Gather(absl::MakeSpan(pieces).first(1)), 1u);
  EXPECT_EQ(queue_->Gather({}), 0u);
  size_t sent = 0;
  while (!queue_->empty()) {
    const std::string next = Sendable(*queue_, 1024);
    queue_->Consume(next.size());
    sent += next.size();
  }
  EXPECT_EQ(sent, 2000 * OutboundQueue::kChunkBytes);
}

TEST_F(OutboundQueueTest, GatherStopsAtAFile) {
  queue_->Append("before"sv);
  queue_->AppendFile(FileOf("content"), 0, 7);
  queue_->Append("after"sv);
  EXPECT_EQ(Sendable(*queue_, 8), "before");
  queue_->Consume(6);
  iovec pieces[8];
  EXPECT_EQ(queue_->Gather(pieces), 0u);
  EXPECT_EQ(SendAll(*queue_), "contentafter");
}

TEST_F(OutboundQueueTest, AFileMovesOnByWhatWasSentAndIsClosedAtItsEnd) {
  UniqueFd owned = FileOf(Bytes(100));
  const int fd = owned.get();
  queue_->AppendFile(std::move(owned), 20, 50);
  queue_->Consume(49);
  OutboundQueue::File file;
  ASSERT_TRUE(queue_->FrontFile(&file));
  EXPECT_EQ(file.fd, fd);
  EXPECT_EQ(file.offset, 69);
  EXPECT_EQ(file.length, 1u);
  EXPECT_TRUE(IsOpen(fd));
  queue_->Consume(1);
  EXPECT_FALSE(IsOpen(fd));
  EXPECT_TRUE(queue_->empty());
}

TEST_F(OutboundQueueTest, FilesDoNotCountAsMemory) {
  queue_->Append("ab"sv);
  queue_->AppendFile(FileOf("content"), 0, 7);
  queue_->Append(Bytes(10 * kKiB));
  EXPECT_EQ(queue_->memory_bytes(), 2 + 10 * kKiB);
  queue_->Consume(1);
  EXPECT_EQ(queue_->memory_bytes(), 1 + 10 * kKiB);
  queue_->Consume(8);
  EXPECT_EQ(queue_->memory_bytes(), 10 * kKiB);
  SendAll(*queue_);
  EXPECT_EQ(queue_->memory_bytes(), 0u);
}

TEST_F(OutboundQueueTest, GatheredBytesStayWhereTheyAreWhateverIsAppended) {
  queue_->Append("first"sv);
  queue_->Append(Bytes(5 * kKiB));
  queue_->Append("last"sv);
  std::vector<iovec> pieces(8);
  pieces.resize(queue_->Gather(absl::MakeSpan(pieces)));
  const std::string before = Sendable(*queue_, 8);
  for (size_t i = 0; i < 50; ++i) {
    queue_->Append(std::string_view(Bytes(i * 50)));
    queue_->Append(Bytes(i * 500));
  }
  queue_->AppendFile(FileOf("x"), 0, 1);
  std::string after;
  for (const iovec& piece : pieces) {
    after.append(static_cast<const char*>(piece.iov_base), piece.iov_len);
  }
  EXPECT_EQ(after, before);
  EXPECT_EQ(Sendable(*queue_, 1000).substr(0, before.size()), before);
}

TEST_F(OutboundQueueTest, WhatIsGatheredStaysWhenOnlyPartOfItIsConsumed) {
  queue_->Append("abcdef"sv);
  iovec pieces[1];
  ASSERT_EQ(queue_->Gather(pieces), 1u);
  const char* const where = static_cast<const char*>(pieces[0].iov_base);
  queue_->Consume(2);
  queue_->Append("gh"sv);
  ASSERT_EQ(queue_->Gather(pieces), 1u);
  EXPECT_EQ(pieces[0].iov_base, where + 2);
  EXPECT_EQ(SendAll(*queue_), "cdefgh");
}

TEST_F(OutboundQueueTest, ADoneIsDueExactlyWhenTheLastByteBeforeItIsConsumed) {
  int told = 0;
  queue_->Append("abc"sv);
  queue_->NotifyWhenSent([&](const absl::Status& status) { told += status.ok() ? 1 : 100; });
  queue_->Append("def"sv);
  EXPECT_FALSE(queue_->has_due_done());
  queue_->Consume(2);
  EXPECT_FALSE(queue_->has_due_done());
  queue_->Consume(1);
  ASSERT_TRUE(queue_->has_due_done());
  queue_->TakeDueDone()(absl::OkStatus());
  EXPECT_EQ(told, 1);
  EXPECT_FALSE(queue_->has_due_done());
  queue_->Consume(3);
  EXPECT_FALSE(queue_->has_due_done());
}

TEST_F(OutboundQueueTest, ADoneBehindNothingIsDueAtOnce) {
  queue_->NotifyWhenSent([](const absl::Status&) {});
  EXPECT_EQ(RunDue(*queue_), 1);
}

TEST_F(OutboundQueueTest, DonesComeInTheirOrderAlsoWhenSeveralAreDue) {
  std::vector<int> told;
  for (int i = 0; i < 5; ++i) {
    queue_->Append("abc"sv);
    queue_->NotifyWhenSent([&told, i](const absl::Status&) { told.push_back(i); });
  }
  queue_->Consume(11);
  EXPECT_EQ(RunDue(*queue_), 3);
  queue_->Consume(4);
  EXPECT_EQ(RunDue(*queue_), 2);
  EXPECT_EQ(told, (std::vector<int>{0, 1, 2, 3, 4}));
}

TEST_F(OutboundQueueTest, ADoneMayQueueMore) {
  queue_->NotifyWhenSent([this](const absl::Status&) {
    queue_->Append("more"sv);
    queue_->NotifyWhenSent([](const absl::Status&) {});
  });
  EXPECT_EQ(RunDue(*queue_), 1);
  EXPECT_EQ(SendAll(*queue_), "more");
  EXPECT_EQ(RunDue(*queue_), 1);
}

TEST_F(OutboundQueueTest, TheDonesThatAreLeftAreHandedOutOnce) {
  int told = 0;
  for (int i = 0; i < 3; ++i) {
    queue_->Append("abc"sv);
    queue_->NotifyWhenSent([&](const absl::Status&) { ++told; });
  }
  queue_->Consume(4);
  EXPECT_EQ(RunDue(*queue_), 1);
  for (OutboundQueue::Done& done : queue_->TakeAllDone()) done(absl::CancelledError());
  EXPECT_EQ(told, 3);
  EXPECT_TRUE(queue_->TakeAllDone().empty());
  queue_->Clear();
  EXPECT_FALSE(queue_->has_due_done());
}

TEST_F(OutboundQueueTest, ClearDropsEverythingAndTheQueueIsAsNew) {
  UniqueFd owned = FileOf("content");
  const int fd = owned.get();
  queue_->Append("abc"sv);
  queue_->Append(Bytes(9000));
  queue_->AppendFile(std::move(owned), 0, 7);
  queue_->Clear();
  EXPECT_TRUE(queue_->empty());
  EXPECT_EQ(queue_->memory_bytes(), 0u);
  EXPECT_FALSE(IsOpen(fd));
  EXPECT_EQ(pool_.lent_bytes(), 0u);
  queue_->Append("new"sv);
  queue_->NotifyWhenSent([](const absl::Status&) {});
  EXPECT_FALSE(queue_->has_due_done());
  EXPECT_EQ(SendAll(*queue_), "new");
  EXPECT_EQ(RunDue(*queue_), 1);
}

TEST_F(OutboundQueueTest, AnEmptiedQueueHoldsAtMostOneOrdinaryChunk) {
  for (size_t i = 0; i < 1000; ++i) queue_->Append(std::string_view(Bytes(1 + i * 7)));
  SendAll(*queue_);
  EXPECT_LE(pool_.lent_bytes(), OutboundQueue::kChunkBytes);
  for (int i = 0; i < 10'000; ++i) {
    queue_->Append("ping"sv);
    queue_->Consume(4);
    ASSERT_LE(pool_.lent_bytes(), OutboundQueue::kChunkBytes);
  }
}

TEST(OutboundQueueDeathTest, AQueueIsNotDestroyedWhileADoneWaits) {
  EXPECT_DEATH(
      {
        ChunkPool pool;
        OutboundQueue queue(pool);
        queue.NotifyWhenSent([](const absl::Status&) {});
      },
      "rondo is broken");
}

TEST(OutboundQueueDeathTest, MoreThanIsQueuedCannotBeConsumed) {
  ChunkPool pool;
  OutboundQueue queue(pool);
  queue.Append("abc"sv);
  EXPECT_DEATH(queue.Consume(4), "rondo is broken");
}

TEST(OutboundQueuePoolTest, AReturnedQueueIsLentAgainAndTheRestAreFreed) {
  ChunkPool chunks;
  OutboundQueuePool pool(chunks);
  std::vector<OutboundQueue*> queues;
  for (size_t i = 0; i < 2 * OutboundQueuePool::kKept; ++i) queues.push_back(pool.Borrow());
  for (OutboundQueue* queue : queues) pool.Return(queue);
  OutboundQueue* const again = pool.Borrow();
  EXPECT_NE(std::find(queues.begin(), queues.end(), again), queues.end());
  EXPECT_TRUE(again->empty());
  pool.Return(again);
}

}  // namespace
}  // namespace rondo::buffer
