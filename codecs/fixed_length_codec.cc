#include "absl/strings/str_cat.h"

#include "rondo/codecs/fixed_length_codec.h"

namespace rondo {

absl::StatusOr<FixedLengthCodec> FixedLengthCodec::Create(MaxFrameBytes frame_bytes) {
  if (frame_bytes.value == 0) {
    return absl::InvalidArgumentError(
        "FixedLengthCodec: frames of 0 bytes; there would be infinitely many, use 1 or more");
  }
  return FixedLengthCodec(frame_bytes.value);
}

Decoded FixedLengthCodec::Decode(std::string_view input, State&) const {
  if (input.size() < frame_bytes_) return Decoded::NeedMore(frame_bytes_);
  return Decoded::Frame(input.substr(0, frame_bytes_), frame_bytes_);
}

absl::Status FixedLengthCodec::Encode(EncodedFrame& frame) const {
  if (frame.bytes() == frame_bytes_) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("FixedLengthCodec: a payload of ", frame.bytes(),
                                                 " bytes, every frame has ", frame_bytes_));
}

}  // namespace rondo
