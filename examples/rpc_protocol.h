// The protocol of the RPC example, for both sides. A message is a frame with its length in 4 bytes,
// and in it, big-endian:
//
//   request    | id, 8 bytes | method, 1 byte | argument |
//   reply      | id, 8 bytes | status, 1 byte | result   |
//
// A client may send any number of requests without waiting; replies name the request they answer
// and come in any order.

#ifndef RONDO_EXAMPLES_RPC_PROTOCOL_H_
#define RONDO_EXAMPLES_RPC_PROTOCOL_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "absl/status/status.h"

#include "rondo/codecs.h"

namespace examples {

enum class RpcMethod : uint8_t { kEcho = 0, kUpper = 1, kSlow = 2 };
enum class RpcStatus : uint8_t { kOk = 0, kNoSuchMethod = 1 };

struct RpcMessage {
  static constexpr size_t kHeaderBytes = 9;

  uint64_t id = 0;
  // A RpcMethod or a RpcStatus.
  uint8_t kind = 0;
  std::string_view body;
};

inline rondo::LengthFieldCodec RpcCodec() {
  return *rondo::LengthFieldCodec::Create(rondo::MaxFrameBytes(1 << 20));
}

// The message in `frame`; false when it is too short to be one.
inline bool ParseRpc(std::string_view frame, RpcMessage* message) {
  if (frame.size() < RpcMessage::kHeaderBytes) return false;
  message->id = 0;
  for (size_t i = 0; i < 8; ++i) {
    message->id = message->id << 8 | static_cast<unsigned char>(frame[i]);
  }
  message->kind = static_cast<uint8_t>(frame[8]);
  message->body = frame.substr(RpcMessage::kHeaderBytes);
  return true;
}

// Puts the message's header, then the frame's, before the body in `frame`.
inline absl::Status EncodeRpc(const rondo::LengthFieldCodec& codec, uint64_t id, uint8_t kind,
                              rondo::EncodedFrame& frame) {
  char header[RpcMessage::kHeaderBytes];
  for (size_t i = 0; i < 8; ++i) header[i] = static_cast<char>(id >> (56 - 8 * i));
  header[8] = static_cast<char>(kind);
  if (!frame.Prepend({header, sizeof header})) return absl::InternalError("no room for a header");
  return codec.Encode(frame);
}

}  // namespace examples

#endif  // RONDO_EXAMPLES_RPC_PROTOCOL_H_
