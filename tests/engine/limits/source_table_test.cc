// The table of sources beside a plain map, and what an attacker may try with it.

#include "engine/limits/source_table.h"

#include <netinet/in.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <map>
#include <random>
#include <vector>

#include "gtest/gtest.h"
#include "net/address.h"

namespace rondo::engine {
namespace {

using Result = SourceTable::Result;

SocketAddress Ipv4(uint32_t host) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = std::endian::native == std::endian::little ? __builtin_bswap32(host)
                                                                       : host;
  return SocketAddress(reinterpret_cast<const sockaddr*>(&address), sizeof address);
}

SocketAddress Ipv6(uint64_t network, uint64_t host) {
  sockaddr_in6 address = {};
  address.sin6_family = AF_INET6;
  for (int i = 0; i < 8; ++i) {
    address.sin6_addr.s6_addr[i] = static_cast<uint8_t>(network >> (56 - 8 * i));
    address.sin6_addr.s6_addr[8 + i] = static_cast<uint8_t>(host >> (56 - 8 * i));
  }
  return SocketAddress(reinterpret_cast<const sockaddr*>(&address), sizeof address);
}

TEST(SourceTableTest, AgreesWithAMapWhateverComesAndGoes) {
  constexpr size_t kLimit = 3;
  for (const uint64_t seed : {1, 2, 3}) {
    SourceTable table(kLimit, seed);
    std::map<uint32_t, size_t> model;
    std::vector<uint32_t> open;
    std::minstd_rand random(static_cast<unsigned>(seed));
    for (int step = 0; step < 200'000; ++step) {
      // It grows and shrinks again and again.
      const bool grows = (step / 10'000) % 2 == 0;
      if (random() % 4 < (grows ? 3u : 1u)) {
        const uint32_t host = 1 + random() % 3000;
        const bool fits = model[host] < kLimit;
        ASSERT_EQ(table.Enter(Ipv4(host)), fits ? Result::kCounted : Result::kFull) << step;
        if (!fits) continue;
        ++model[host];
        open.push_back(host);
      } else if (!open.empty()) {
        std::swap(open[random() % open.size()], open.back());
        table.Leave(Ipv4(open.back()));
        --model[open.back()];
        open.pop_back();
      }
    }
    for (const uint32_t host : open) table.Leave(Ipv4(host));
    EXPECT_EQ(table.size(), 0u);
  }
}

TEST(SourceTableTest, AFloodOfSourcesPushesNoneOutAndItsMemoryIsGivenBack) {
  SourceTable table(2, 7);
  const SocketAddress honest = Ipv4(0x7f000001);
  ASSERT_EQ(table.Enter(honest), Result::kCounted);
  ASSERT_EQ(table.Enter(honest), Result::kCounted);
  const size_t before = table.bytes();
  constexpr uint32_t kSources = 200'000;
  for (uint32_t i = 0; i < kSources; ++i) {
    ASSERT_EQ(table.Enter(Ipv6(0x20010db800000000 + i, i)), Result::kCounted);
    ASSERT_EQ(table.Enter(honest), Result::kFull);
  }
  EXPECT_EQ(table.size(), kSources + 1);
  EXPECT_LE(table.bytes(), size_t{43} * kSources + 2048);
  RecordProperty("bytes_a_source", static_cast<int>(table.bytes() / kSources));
  for (uint32_t i = 0; i < kSources; ++i) table.Leave(Ipv6(0x20010db800000000 + i, ~i));
  EXPECT_EQ(table.Enter(honest), Result::kFull);
  EXPECT_EQ(table.size(), 1u);
  EXPECT_LE(table.bytes(), before + 16 * 8 * 16);
}

TEST(SourceTableTest, WithoutALimitItTakesNoMemory) {
  SourceTable table(0, 7);
  for (uint32_t i = 1; i < 1000; ++i) EXPECT_EQ(table.Enter(Ipv4(i)), Result::kCounted);
  EXPECT_EQ(table.bytes(), 0u);
  EXPECT_EQ(table.size(), 0u);
  for (uint32_t i = 1; i < 1000; ++i) table.Leave(Ipv4(i));
}

TEST(SourceTableTest, TheSourcesOfBothFamiliesDiffer) {
  SourceTable table(1, 7);
  // Networks whose numbers are those of IPv4 addresses, and the one that is all zero.
  EXPECT_EQ(table.Enter(Ipv4(1)), Result::kCounted);
  EXPECT_EQ(table.Enter(Ipv6(1, 0)), Result::kCounted);
  EXPECT_EQ(table.Enter(Ipv6(uint64_t{1} << 32, 5)), Result::kCounted);
  EXPECT_EQ(table.Enter(Ipv6(0, 1)), Result::kCounted);
  EXPECT_EQ(table.Enter(Ipv6(0, 2)), Result::kFull);
  EXPECT_EQ(table.size(), 4u);
}

}  // namespace
}  // namespace rondo::engine
