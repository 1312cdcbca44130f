#include "stream/bytes/input.h"

namespace rondo::stream {

absl::Status Input::Decode(StreamConnection& connection, std::string_view bytes,
                           buffer::ByteTransform::End end, buffer::ByteTransform::Sink reply) {
  const auto keep = [&](std::string_view plain) { connection.inbound.Append(plain, chunks_); };
  return connection.rare->transform->Decode(bytes, end, keep, reply);
}

std::string_view Input::TakeAllKept(StreamConnection& connection) {
  const std::string_view bytes = Peek(connection, Size(connection));
  Take(connection, bytes.size());
  return bytes;
}

void Input::DiscardTaken() {
  StreamConnection* const connection = std::exchange(taken_from_, nullptr);
  connection->inbound.Discard(taken_bytes_, chunks_);
}

}  // namespace rondo::stream
