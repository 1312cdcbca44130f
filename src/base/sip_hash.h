// SipHash-2-4 (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012): a hash with a key.
// Peers choose what is hashed here, their addresses; with a plain hash they could find those that
// collide, whatever the seed. A value for one hash.

#ifndef RONDO_BASE_SIP_HASH_H_
#define RONDO_BASE_SIP_HASH_H_

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace rondo::base {

class SipHash {
 public:
  // The key is the seed, twice.
  explicit SipHash(uint64_t seed)
      : v_{seed ^ 0x736f6d6570736575, seed ^ 0x646f72616e646f6d, seed ^ 0x6c7967656e657261,
           seed ^ 0x7465646279746573} {}

  // Once.
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
    return End(word | uint64_t{bytes.size()} << 56);
  }
  // The same for the eight bytes of `word`, the lowest first.
  uint64_t Of(uint64_t word) {
    Take(word);
    return End(uint64_t{sizeof word} << 56);
  }

 private:
  void Take(uint64_t word) {
    v_[3] ^= word;
    Round();
    Round();
    v_[0] ^= word;
  }
  uint64_t End(uint64_t last) {
    Take(last);
    v_[2] ^= 0xff;
    for (int i = 0; i < 4; ++i) Round();
    return v_[0] ^ v_[1] ^ v_[2] ^ v_[3];
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

}  // namespace rondo::base

#endif  // RONDO_BASE_SIP_HASH_H_
