#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "rondo/load_balancer.h"

namespace rondo {
namespace {

// SipHash-2-4 (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012). A plain hash would
// let a peer with a choice of addresses find those that share a loop, whatever the seed.
class SipHash {
 public:
  // The key is the seed, twice.
  explicit SipHash(uint64_t seed)
      : v_{seed ^ 0x736f6d6570736575, seed ^ 0x646f72616e646f6d, seed ^ 0x6c7967656e657261,
           seed ^ 0x7465646279746573} {}

  uint64_t Of(std::string_view bytes) {
    // Words of eight bytes, little-endian; the length is the last byte of the last word.
    uint64_t word = 0;
    for (size_t i = 0; i < bytes.size(); ++i) {
      word |= uint64_t{static_cast<unsigned char>(bytes[i])} << 8 * (i % 8);
      if (i % 8 == 7) {
        Take(word);
        word = 0;
      }
    }
    Take(word | uint64_t{bytes.size()} << 56);
    v_[2] ^= 0xff;
    for (int i = 0; i < 4; ++i) Round();
    return v_[0] ^ v_[1] ^ v_[2] ^ v_[3];
  }

 private:
  void Take(uint64_t word) {
    v_[3] ^= word;
    Round();
    Round();
    v_[0] ^= word;
  }
  void Round() {
    v_[0] += v_[1];
    v_[1] = std::rotl(v_[1], 13) ^ v_[0];
    v_[0] = std::rotl(v_[0], 32);
    v_[2] += v_[3];
    v_[3] = std::rotl(v_[3], 16) ^ v_[2];
    v_[0] += v_[3];
    v_[3] = std::rotl(v_[3], 21) ^ v_[0];
    v_[2] += v_[1];
    v_[1] = std::rotl(v_[1], 17) ^ v_[2];
    v_[2] = std::rotl(v_[2], 32);
  }

  std::array<uint64_t, 4> v_;
};

// What stands for one host: all of an IPv4 address. The owner of an IPv6 network chooses the lower
// half of its addresses at will, and hosts change theirs (RFC 8981): the /64 stands for it.
std::string_view HostOf(const SocketAddress& peer) {
  constexpr std::string_view kMapped("\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);
  const std::string_view bytes = peer.host_bytes();
  if (bytes.size() == 16 && bytes.starts_with(kMapped)) return bytes.substr(12);
  return bytes.substr(0, 8);
}

class SourceAddressHash final : public LoadBalancer {
 public:
  explicit SourceAddressHash(uint64_t seed) : seed_(seed) {}
  size_t Pick(absl::Span<const LoopLoad> loops, const SocketAddress& peer) override {
    return SipHash(seed_).Of(HostOf(peer)) % loops.size();
  }

 private:
  const uint64_t seed_;
};

}  // namespace

// The overload with a random seed is in src/engine, which may call the kernel.
std::unique_ptr<LoadBalancer> NewSourceAddressHash(uint64_t seed) {
  return std::make_unique<SourceAddressHash>(seed);
}

}  // namespace rondo
