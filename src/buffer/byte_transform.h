// A ByteTransform stands between a connection's socket and its handler and changes the bytes of
// both directions: TLS is one. Bytes in, bytes out; it knows no socket and no loop. It belongs to
// one connection and to its loop's thread.
//
//   received ─▶ Decode ─▶ input of the handler        written by the handler ─▶ Encode ─▶ sent
//                  └─▶ reply, sent without the handler

#ifndef RONDO_BUFFER_BYTE_TRANSFORM_H_
#define RONDO_BUFFER_BYTE_TRANSFORM_H_

#include <cstddef>
#include <memory>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"

namespace rondo::buffer {

class ByteTransform {
 public:
  // Called with bytes that are valid during the call.
  using Sink = absl::FunctionRef<void(std::string_view)>;
  // Whether the stream ends with the bytes of this call.
  enum class End { kNo, kYes };

  virtual ~ByteTransform() = default;

  // Takes all of `wire`, which was received, decodes it and passes the result to `plain`: a bounded
  // number of bytes in one call. The rest counts as pending(), and the next call goes on with it,
  // even with an empty `wire`. It is called with nothing once before the first byte is received.
  // The transform's own bytes for the peer go to `reply`. A failure ends the connection and is its
  // reason. kYes: the peer has sent its last byte.
  virtual absl::Status Decode(std::string_view wire, End end, Sink plain, Sink reply) = 0;
  // Received bytes that could be decoded and were not passed to `plain` yet.
  virtual size_t pending() const = 0;

  // Encodes all of `plain` and passes it to `wire`. kYes: this side ends its stream.
  virtual absl::Status Encode(std::string_view plain, End end, Sink wire) = 0;
};

// Makes the transform of each new connection. Any thread.
class TransformFactory {
 public:
  virtual ~TransformFactory() = default;
  virtual std::unique_ptr<ByteTransform> New() const = 0;
};

}  // namespace rondo::buffer

#endif  // RONDO_BUFFER_BYTE_TRANSFORM_H_
