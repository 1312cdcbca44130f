// The codecs that come with Rondo, a header each. Each is a Codec as codec.h describes it: a
// constant value, used with one State for each stream, on any thread. Each codec says what its
// limit counts.
//
//   auto frames = rondo::LengthFieldCodec::Create(rondo::MaxFrameBytes(64 << 10));
//   if (!frames.ok()) return frames.status();
//   rondo::NestedCodec lines_in_frames(*frames, rondo::LineCodec(rondo::MaxFrameBytes(1000)));

#ifndef RONDO_CODECS_H_
#define RONDO_CODECS_H_

#include "rondo/codecs/delimiter_codec.h"
#include "rondo/codecs/fixed_length_codec.h"
#include "rondo/codecs/json_codec.h"
#include "rondo/codecs/length_field_codec.h"
#include "rondo/codecs/line_codec.h"
#include "rondo/codecs/nested_codec.h"
#include "rondo/codecs/pass_through_codec.h"
#include "rondo/codecs/varint_length_codec.h"

#endif  // RONDO_CODECS_H_
