#include "codecs/encoding.h"

#include "absl/strings/str_cat.h"

namespace rondo::codecs {
namespace {

absl::string_view ToAbsl(std::string_view text) {
  return {text.data(), text.size()};
}

absl::Status NoRoom(std::string_view codec) {
  return absl::InvalidArgumentError(
      absl::StrCat(ToAbsl(codec), ": no room in the frame for what goes around it, at most ",
                   EncodedFrame::kRoomBytes, " bytes in ", EncodedFrame::kRoomPieces,
                   " pieces a side; nest fewer codecs"));
}

}  // namespace

absl::Status PayloadTooLong(std::string_view codec, uint64_t bytes, uint64_t max) {
  return absl::ResourceExhaustedError(absl::StrCat(ToAbsl(codec), ": a frame of ", bytes,
                                                   " bytes is to be encoded, limit ", max,
                                                   "; send less or raise MaxFrameBytes"));
}

absl::Status BadPayload(std::string_view codec, std::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(ToAbsl(codec), ": ", ToAbsl(what)));
}

absl::Status AppendTo(EncodedFrame& frame, std::string_view codec, std::string_view trailer) {
  return frame.Append(trailer) ? absl::OkStatus() : NoRoom(codec);
}

absl::Status PrependTo(EncodedFrame& frame, std::string_view codec, std::string_view header) {
  return frame.Prepend(header) ? absl::OkStatus() : NoRoom(codec);
}

std::string_view Flatten(const EncodedFrame& frame, std::string& scratch) {
  const absl::Span<const std::string_view> pieces = frame.pieces();
  if (pieces.size() == 1) return pieces[0];
  for (std::string_view piece : pieces) scratch.append(piece);
  return scratch;
}

}  // namespace rondo::codecs
