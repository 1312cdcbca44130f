// How fast frames are found: frames and bytes a second on one core, for frames of 16 B, 256 B and
// 4 KiB, of each codec, and beside them of the two ways in which C++ programs cut streams today:
// asio's read_until, and a loop over a buffer with a callback for each packet, as libhv has it.
//
// All read the same stream in pieces of 64 KiB that are copied to them, as recv(2) would, keep what
// is left of the last frame, and add up the frames' lengths. Wire sizes are equal: a frame of 16 B
// is 15 bytes and LF, or a field of 4 bytes and 12.

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "rondo/codecs.h"

#include <asio/buffer.hpp>
#include <asio/read.hpp>
#include <asio/read_until.hpp>
#include <asio/streambuf.hpp>

namespace {

constexpr size_t kPieceBytes = 64 << 10;
constexpr size_t kStreamBytes = 4 << 20;
constexpr size_t kMaxFrameBytes = 64 << 10;

// A socket's stand-in. Also what asio calls a SyncReadStream.
class Source {
 public:
  explicit Source(std::string_view stream) : left_(stream) {}

  size_t Read(char* into, size_t bytes) {
    bytes = std::min({bytes, left_.size(), kPieceBytes});
    std::memcpy(into, left_.data(), bytes);
    left_.remove_prefix(bytes);
    return bytes;
  }

  template <class Buffers>
  size_t read_some(const Buffers& buffers, asio::error_code& error) {
    const asio::mutable_buffer first = *asio::buffer_sequence_begin(buffers);
    const size_t bytes = Read(static_cast<char*>(first.data()), first.size());
    error = bytes == 0 ? asio::error_code(asio::error::eof) : asio::error_code();
    return bytes;
  }
  template <class Buffers>
  size_t read_some(const Buffers& buffers) {
    asio::error_code ignored;
    return read_some(buffers, ignored);
  }

 private:
  std::string_view left_;
};

// The result, so that the compiler cannot leave the work out.
struct Sum {
  size_t frames = 0;
  size_t bytes = 0;
  void Add(std::string_view frame) {
    ++frames;
    bytes += frame.size();
    benchmark::DoNotOptimize(frame.data());
  }
};

template <rondo::Codec C>
Sum ReadWithCodec(const C& codec, std::string_view stream, std::vector<char>& buffer) {
  Source source(stream);
  typename C::State state;
  Sum sum;
  size_t kept = 0;
  while (const size_t bytes = source.Read(buffer.data() + kept, buffer.size() - kept)) {
    std::string_view input(buffer.data(), kept + bytes);
    while (true) {
      const rondo::Decoded decoded = codec.Decode(input, state);
      if (decoded.kind() == rondo::Decoded::Kind::kNeedMore) break;
      if (decoded.kind() == rondo::Decoded::Kind::kFrame) sum.Add(decoded.frame());
      input.remove_prefix(decoded.consumed());
    }
    std::memmove(buffer.data(), input.data(), input.size());
    kept = input.size();
  }
  return sum;
}

Sum ReadLinesWithAsio(std::string_view stream) {
  Source source(stream);
  asio::streambuf buffer;
  asio::error_code error;
  Sum sum;
  buffer.prepare(kPieceBytes);
  while (const size_t bytes = asio::read_until(source, buffer, '\n', error)) {
    sum.Add({static_cast<const char*>(buffer.data().data()), bytes - 1});
    buffer.consume(bytes);
  }
  return sum;
}

Sum ReadFieldsWithAsio(std::string_view stream) {
  Source source(stream);
  asio::streambuf buffer;
  asio::error_code error;
  Sum sum;
  const auto fill = [&](size_t bytes) {
    if (buffer.size() >= bytes) return true;
    buffer.commit(source.read_some(buffer.prepare(kPieceBytes), error));
    while (!error && buffer.size() < bytes) {
      buffer.commit(source.read_some(buffer.prepare(kPieceBytes), error));
    }
    return buffer.size() >= bytes;
  };
  while (fill(4)) {
    uint32_t length;
    std::memcpy(&length, buffer.data().data(), sizeof(length));
    length = __builtin_bswap32(length);
    if (length > kMaxFrameBytes || !fill(4 + length)) break;
    sum.Add({static_cast<const char*>(buffer.data().data()) + 4, length});
    buffer.consume(4 + length);
  }
  return sum;
}

using Callback = void (*)(Sum*, const char*, size_t);
[[gnu::noinline]] void OnPacket(Sum* sum, const char* data, size_t bytes) {
  sum->Add({data, bytes});
}

// A delimiter is compared with at every byte, from the front of the buffer.
Sum ReadLinesWithLoop(std::string_view stream, std::vector<char>& buffer,
                      std::string_view delimiter, Callback callback) {
  Source source(stream);
  Sum sum;
  size_t kept = 0;
  while (const size_t bytes = source.Read(buffer.data() + kept, buffer.size() - kept)) {
    const char* begin = buffer.data();
    const char* const end = begin + kept + bytes;
    for (const char* p = begin; static_cast<size_t>(end - p) >= delimiter.size();) {
      size_t i = 0;
      while (i < delimiter.size() && p[i] == delimiter[i]) ++i;
      if (i < delimiter.size()) {
        ++p;
        continue;
      }
      callback(&sum, begin, static_cast<size_t>(p - begin));
      p += delimiter.size();
      begin = p;
    }
    kept = static_cast<size_t>(end - begin);
    std::memmove(buffer.data(), begin, kept);
  }
  return sum;
}

Sum ReadFieldsWithLoop(std::string_view stream, std::vector<char>& buffer, size_t field_bytes,
                       Callback callback) {
  Source source(stream);
  Sum sum;
  size_t kept = 0;
  while (const size_t bytes = source.Read(buffer.data() + kept, buffer.size() - kept)) {
    const char* p = buffer.data();
    size_t left = kept + bytes;
    while (left >= field_bytes) {
      size_t length = 0;
      for (size_t i = 0; i < field_bytes; ++i) {
        length = length << 8 | static_cast<unsigned char>(p[i]);
      }
      if (length > kMaxFrameBytes || left < field_bytes + length) break;
      callback(&sum, p + field_bytes, length);
      p += field_bytes + length;
      left -= field_bytes + length;
    }
    std::memmove(buffer.data(), p, left);
    kept = left;
  }
  return sum;
}

template <rondo::Codec C>
std::string MakeStream(const C& codec, std::string_view payload) {
  std::string stream;
  while (stream.size() < kStreamBytes) {
    rondo::EncodedFrame frame(payload);
    if (!codec.Encode(frame).ok()) std::abort();
    for (std::string_view piece : frame.pieces()) stream.append(piece);
  }
  return stream;
}

// A JSON array of `bytes` bytes, which every codec can have as payload.
std::string MakePayload(size_t bytes) {
  if (bytes < 2) return std::string(bytes, 'x');
  constexpr std::string_view kMember = R"({"id":12345,"name":"some text","on":true},)";
  std::string payload = "[";
  while (payload.size() + kMember.size() < bytes) payload += kMember;
  payload.resize(bytes, '1');
  payload.back() = ']';
  return payload;
}

void Report(benchmark::State& state, const Sum& sum, size_t stream_bytes) {
  state.SetItemsProcessed(static_cast<int64_t>(sum.frames) * state.iterations());
  state.SetBytesProcessed(static_cast<int64_t>(stream_bytes) * state.iterations());
}

template <rondo::Codec C>
void RunCodec(benchmark::State& state, const C& codec, size_t around) {
  const size_t payload_bytes = static_cast<size_t>(state.range(0)) - around;
  const std::string payload = MakePayload(payload_bytes);
  const std::string stream = MakeStream(codec, payload);
  std::vector<char> buffer(2 * kPieceBytes);
  Sum sum;
  for (auto _ : state) sum = ReadWithCodec(codec, stream, buffer);
  Report(state, sum, stream.size());
}

const rondo::MaxFrameBytes kMax(kMaxFrameBytes);
const rondo::LineCodec kLines(kMax);
const rondo::LengthFieldCodec kFields = *rondo::LengthFieldCodec::Create(kMax);

void LineRondo(benchmark::State& state) {
  RunCodec(state, kLines, 1);
}
void FieldRondo(benchmark::State& state) {
  RunCodec(state, kFields, 4);
}
void VarintRondo(benchmark::State& state) {
  RunCodec(state, rondo::VarintLengthCodec(kMax), state.range(0) < 129 ? 1 : 2);
}
void DelimiterRondo(benchmark::State& state) {
  RunCodec(state, *rondo::DelimiterCodec::Create(kMax, {"\r\n", ";"}), 2);
}
void FixedRondo(benchmark::State& state) {
  const rondo::MaxFrameBytes bytes(static_cast<size_t>(state.range(0)));
  RunCodec(state, *rondo::FixedLengthCodec::Create(bytes), 0);
}
void JsonRondo(benchmark::State& state) {
  RunCodec(state, rondo::JsonCodec(kMax), 0);
}

template <class Read>
void RunPeer(benchmark::State& state, const std::string& stream, Read read) {
  std::vector<char> buffer(2 * kPieceBytes);
  Sum sum;
  for (auto _ : state) sum = read(stream, buffer);
  Report(state, sum, stream.size());
}

void LineAsio(benchmark::State& state) {
  RunPeer(state, MakeStream(kLines, std::string(state.range(0) - 1, 'x')),
          [](std::string_view stream, auto&) { return ReadLinesWithAsio(stream); });
}
void FieldAsio(benchmark::State& state) {
  RunPeer(state, MakeStream(kFields, std::string(state.range(0) - 4, 'x')),
          [](std::string_view stream, auto&) { return ReadFieldsWithAsio(stream); });
}
void LineLoop(benchmark::State& state) {
  RunPeer(state, MakeStream(kLines, std::string(state.range(0) - 1, 'x')),
          [](std::string_view stream, auto& b) {
            return ReadLinesWithLoop(stream, b, "\n", OnPacket);
          });
}
void FieldLoop(benchmark::State& state) {
  RunPeer(
      state, MakeStream(kFields, std::string(state.range(0) - 4, 'x')),
      [](std::string_view stream, auto& b) { return ReadFieldsWithLoop(stream, b, 4, OnPacket); });
}

// The lower bound: the copy that all of them pay, and nothing else.
void CopyOnly(benchmark::State& state) {
  const std::string stream(kStreamBytes, 'x');
  RunPeer(state, stream, [](std::string_view bytes, auto& buffer) {
    Source source(bytes);
    Sum sum;
    while (const size_t n = source.Read(buffer.data(), kPieceBytes)) sum.Add({buffer.data(), n});
    return sum;
  });
}

// Header and payload, ready for Writev.
void FieldEncode(benchmark::State& state) {
  const std::string payload(static_cast<size_t>(state.range(0)) - 4, 'x');
  for (auto _ : state) {
    rondo::EncodedFrame frame(payload);
    benchmark::DoNotOptimize(kFields.Encode(frame).ok());
    benchmark::DoNotOptimize(frame.pieces().data());
  }
  state.SetItemsProcessed(state.iterations());
}

#define SIZES ->Arg(16)->Arg(256)->Arg(4096)
BENCHMARK(LineRondo) SIZES;
BENCHMARK(LineAsio) SIZES;
BENCHMARK(LineLoop) SIZES;
BENCHMARK(FieldRondo) SIZES;
BENCHMARK(FieldAsio) SIZES;
BENCHMARK(FieldLoop) SIZES;
BENCHMARK(VarintRondo) SIZES;
BENCHMARK(DelimiterRondo) SIZES;
BENCHMARK(FixedRondo) SIZES;
BENCHMARK(JsonRondo) SIZES;
BENCHMARK(FieldEncode) SIZES;
BENCHMARK(CopyOnly);

}  // namespace

BENCHMARK_MAIN();
