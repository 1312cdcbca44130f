// A client of examples/rpc: keeps a number of requests under way on one connection, matches the
// replies by id, checks each, and says how fast it went. It uses the codec alone, on a plain
// blocking socket.
//
//   examples/run rpc_client --requests=1000000 --pipeline=64 --method=echo|upper|slow

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

#include "rondo/unique_fd.h"

#include "rpc_protocol.h"

ABSL_FLAG(int, port, 7000, "The server's port, on this machine.");
ABSL_FLAG(uint64_t, requests, 200000, "How many requests to send.");
ABSL_FLAG(uint64_t, pipeline, 64, "How many of them may wait for their reply at a time.");
ABSL_FLAG(std::string, method, "echo", "echo, upper or slow.");

namespace {

using examples::RpcMessage;
using examples::RpcMethod;

absl::Status Errno(std::string_view call) {
  return absl::ErrnoToStatus(errno, absl::string_view(call.data(), call.size()));
}

class Client {
 public:
  explicit Client(RpcMethod method) : method_(method) {}

  absl::Status Connect(int port) {
    socket_ = rondo::UniqueFd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) < 0) {
      return Errno(absl::StrCat("connect 127.0.0.1:", port, "; is examples/run rpc running?"));
    }
    return absl::OkStatus();
  }

  absl::Status Run(uint64_t requests, uint64_t pipeline) {
    uint64_t sent = 0;
    while (sent < requests || !waiting_.empty()) {
      while (sent < requests && waiting_.size() < pipeline && outbound_.size() < kOutboundBytes) {
        if (absl::Status status = Ask(sent++); !status.ok()) return status;
      }
      if (absl::Status status = SendOrReceive(); !status.ok()) return status;
    }
    return absl::OkStatus();
  }

 private:
  // Encoded at a time.
  static constexpr size_t kOutboundBytes = 64 << 10;

  absl::Status Ask(uint64_t id) {
    const std::string argument = absl::StrCat("request ", id);
    rondo::EncodedFrame frame(argument);
    absl::Status status = examples::EncodeRpc(codec_, id, static_cast<uint8_t>(method_), frame);
    if (!status.ok()) return status;
    for (std::string_view piece : frame.pieces()) outbound_.append(piece);
    waiting_.emplace(id, method_ == RpcMethod::kUpper ? absl::AsciiStrToUpper(argument) : argument);
    return absl::OkStatus();
  }

  // What can be done now. A client that only sends until all is sent would wait for ever for a
  // server that does not read on while its replies are not read.
  absl::Status SendOrReceive() {
    pollfd ready = {.fd = socket_.get(), .events = POLLIN, .revents = 0};
    if (!outbound_.empty()) ready.events |= POLLOUT;
    if (poll(&ready, 1, -1) < 0) return Errno("poll");
    if ((ready.revents & POLLIN) != 0) return Receive();
    return Send();
  }

  absl::Status Send() {
    const ssize_t n =
        send(socket_.get(), outbound_.data(), outbound_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0) return Errno("send");
    outbound_.erase(0, static_cast<size_t>(n));
    return absl::OkStatus();
  }

  absl::Status Receive() {
    std::array<char, 64 << 10> bytes;
    const ssize_t n = recv(socket_.get(), bytes.data(), bytes.size(), 0);
    if (n < 0) return Errno("recv");
    if (n == 0) return rondo::UnfinishedFrame(inbound_.size());
    inbound_.append(bytes.data(), static_cast<size_t>(n));
    size_t consumed = 0;
    while (true) {
      const auto decoded = codec_.Decode(std::string_view(inbound_).substr(consumed), state_);
      consumed += decoded.consumed();
      if (decoded.kind() == rondo::Decoded::Kind::kNeedMore) break;
      if (decoded.kind() == rondo::Decoded::Kind::kError) return decoded.error().ToStatus();
      if (decoded.kind() != rondo::Decoded::Kind::kFrame) continue;
      if (absl::Status status = Check(decoded.frame()); !status.ok()) return status;
    }
    inbound_.erase(0, consumed);
    return absl::OkStatus();
  }

  absl::Status Check(std::string_view frame) {
    RpcMessage reply;
    if (!examples::ParseRpc(frame, &reply)) return absl::DataLossError("a reply too short");
    const auto expected = waiting_.find(reply.id);
    if (expected == waiting_.end() || expected->second != reply.body || reply.kind != 0) {
      return absl::DataLossError(absl::StrCat("a wrong reply to request ", reply.id));
    }
    waiting_.erase(expected);
    return absl::OkStatus();
  }

  const RpcMethod method_;
  const rondo::LengthFieldCodec codec_ = examples::RpcCodec();
  rondo::LengthFieldCodec::State state_;
  rondo::UniqueFd socket_;
  std::string outbound_;
  std::string inbound_;
  // What is to come back for each request under way.
  absl::flat_hash_map<uint64_t, std::string> waiting_;
};

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  absl::SetProgramUsageMessage("A client of examples/rpc.");
  absl::ParseCommandLine(argc, argv);
  const std::string method = absl::GetFlag(FLAGS_method);
  if (method != "echo" && method != "upper" && method != "slow") {
    return Fail(absl::InvalidArgumentError("--method: echo, upper or slow"));
  }
  Client client(method == "echo"    ? RpcMethod::kEcho
                : method == "upper" ? RpcMethod::kUpper
                                    : RpcMethod::kSlow);
  if (absl::Status status = client.Connect(absl::GetFlag(FLAGS_port)); !status.ok()) {
    return Fail(status);
  }
  const uint64_t requests = absl::GetFlag(FLAGS_requests);
  const absl::Time begin = absl::Now();
  const uint64_t pipeline = std::max<uint64_t>(absl::GetFlag(FLAGS_pipeline), 1);
  if (absl::Status status = client.Run(requests, pipeline); !status.ok()) return Fail(status);
  const double seconds = absl::ToDoubleSeconds(absl::Now() - begin);
  std::printf("%llu replies, all right, %.0f a second\n", static_cast<unsigned long long>(requests),
              static_cast<double>(requests) / seconds);
  return 0;
}
