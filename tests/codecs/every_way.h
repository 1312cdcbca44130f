// What the tests of codecs expect of all of them, in GoogleTest's words.

#ifndef RONDO_TESTS_CODECS_EVERY_WAY_H_
#define RONDO_TESTS_CODECS_EVERY_WAY_H_

#include <gtest/gtest.h>

#include <cstddef>
#include <string>
#include <string_view>

#include "rondo/codec.h"

#include "tests/codecs/streams.h"

namespace rondo::tests {

// Decodes `stream` whole, dripped, and cut at each place and at each two places; all must agree.
template <Codec C>
Outcome DecodeEveryWay(const C& codec, std::string_view stream) {
  const Outcome whole = Decode(codec, stream);
  EXPECT_EQ(whole.breach, "");
  EXPECT_EQ(DecodeDripped(codec, stream), whole) << "dripped";
  for (size_t first = 0; first <= stream.size(); ++first) {
    for (size_t second = first; second <= stream.size(); ++second) {
      Stream<C> fed(codec);
      fed.Feed(stream.substr(0, first));
      fed.Feed(stream.substr(first, second - first));
      fed.Feed(stream.substr(second));
      const Outcome& cut = fed.End();
      EXPECT_EQ(cut, whole) << "cut at " << first << " and " << second;
      if (!(cut == whole)) return whole;
    }
  }
  return whole;
}

// `payload` in a frame, as it goes out; or the failure in text.
template <Codec C>
std::string Encode(const C& codec, std::string_view payload) {
  EncodedFrame frame(payload);
  const absl::Status status = codec.Encode(frame);
  if (!status.ok()) return std::string(status.ToString());
  std::string bytes;
  for (std::string_view piece : frame.pieces()) bytes.append(piece);
  EXPECT_EQ(bytes.size(), frame.bytes());
  return bytes;
}

}  // namespace rondo::tests

#endif  // RONDO_TESTS_CODECS_EVERY_WAY_H_
