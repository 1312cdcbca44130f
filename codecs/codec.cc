#include "rondo/codec.h"

#include <cstring>

#include "absl/strings/str_cat.h"

namespace rondo {

absl::Status FrameError::ToStatus() const {
  return absl::Status(code, absl::StrCat(absl::string_view(text.data(), text.size()), ": ", value,
                                         " at offset ", offset, " of the frame, limit ", limit));
}

absl::Status UnfinishedFrame(size_t bytes) {
  return absl::DataLossError(
      absl::StrCat("the stream ended inside of a frame, ", bytes, " bytes of it are undecoded"));
}

bool EncodedFrame::Prepend(std::string_view header) {
  if (begin_ == 0 || header.size() > kRoomBytes - kept_bytes_) return false;
  pieces_[--begin_] = Keep(header);
  return true;
}

bool EncodedFrame::Append(std::string_view trailer) {
  if (end_ == pieces_.size() || trailer.size() > kRoomBytes - kept_bytes_) return false;
  pieces_[end_++] = Keep(trailer);
  return true;
}

std::string_view EncodedFrame::Keep(std::string_view bytes) {
  char* kept = room_.data() + kept_bytes_;
  std::memcpy(kept, bytes.data(), bytes.size());
  kept_bytes_ += bytes.size();
  bytes_ += bytes.size();
  return {kept, bytes.size()};
}

}  // namespace rondo
