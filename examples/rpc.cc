// An RPC server: requests with ids, answered as each is done and not as they came. Methods are
// echo, upper, and slow, which takes 10 ms without delaying other requests. A client that has ended
// its side gets all answers, and one that asks for more than it may have under way is not read from
// meanwhile. rpc_protocol.h has the messages.
//
//   examples/run rpc            in another terminal: examples/run rpc_client

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/flags/flag.h"
#include "absl/strings/ascii.h"
#include "absl/time/time.h"

#include "rondo/framed_handler.h"
#include "rondo/rondo.h"

#include "rpc_protocol.h"
#include "support/serve.h"
#include "support/server_flags.h"

namespace {

using examples::RpcMessage;
using examples::RpcMethod;
using examples::RpcStatus;
using rondo::Action;
using rondo::Connection;

// What slow requests of one client may hold under way, their own size and about that of a timer
// each.
constexpr size_t kMostUnderWay = 1 << 20;
constexpr size_t kTimerBytes = 256;

// One for all loops: what it knows of a client is kept with the connection.
class Rpc : public rondo::FramedHandler<rondo::LengthFieldCodec> {
 public:
  Rpc() : FramedHandler(examples::RpcCodec()) {}

  Action OnOpen(Connection& connection) override {
    connection.set_context(std::make_unique<Caller>());
    return Action::kNone;
  }

  Action OnFrame(Connection& connection, std::string_view frame) override {
    RpcMessage request;
    if (!examples::ParseRpc(frame, &request)) {
      connection.Close(absl::InvalidArgumentError("a request of fewer than 9 bytes"));
      return Action::kNone;
    }
    switch (static_cast<RpcMethod>(request.kind)) {
      case RpcMethod::kEcho:
        return Answer(connection, request.id, RpcStatus::kOk, request.body);
      case RpcMethod::kUpper: {
        std::string upper(request.body);
        absl::AsciiStrToUpper(&upper);
        return Answer(connection, request.id, RpcStatus::kOk, upper);
      }
      case RpcMethod::kSlow:
        return AnswerLater(connection, request.id, request.body);
    }
    return Answer(connection, request.id, RpcStatus::kNoSuchMethod, "");
  }

 private:
  struct Caller : Context {
    size_t under_way = 0;
  };

  Action Answer(Connection& connection, uint64_t id, RpcStatus status, std::string_view result) {
    rondo::EncodedFrame frame(result);
    if (absl::Status encoded = Encode(id, status, frame); !encoded.ok()) {
      connection.Close(encoded);
      return Action::kNone;
    }
    // Refused: the client sends requests and does not read replies.
    const bool taken = connection.Writev(frame.pieces()) != rondo::WriteResult::kRefused;
    return taken ? Action::kNone : Action::kClose;
  }

  // Meanwhile other requests of the same connection are answered. `owed` keeps the connection open
  // for the answer when the client has ended its side.
  Action AnswerLater(Connection& connection, uint64_t id, std::string_view result) {
    size_t& under_way = connection.context<Caller>()->under_way;
    under_way += result.size() + kTimerBytes;
    if (under_way > kMostUnderWay) connection.PauseReading();
    auto answer = [this, id, result = std::string(result),
                   owed = Owe(connection)](Connection& later) { AnswerNow(later, id, result); };
    const rondo::TimerId timer = connection.loop().Schedule(
        absl::Milliseconds(10),
        [handle = connection.handle(), answer = std::move(answer)]() mutable {
          // There is no room for it: the client learns by the end.
          if (!handle.Post(std::move(answer))) handle.Close();
        });
    return timer == rondo::TimerId::kNone ? Action::kClose : Action::kNone;
  }

  void AnswerNow(Connection& connection, uint64_t id, std::string_view result) {
    size_t& under_way = connection.context<Caller>()->under_way;
    under_way -= result.size() + kTimerBytes;
    if (under_way <= kMostUnderWay / 2) connection.ResumeReading();
    if (Answer(connection, id, RpcStatus::kOk, result) == Action::kClose) connection.Close();
  }

  absl::Status Encode(uint64_t id, RpcStatus status, rondo::EncodedFrame& frame) const {
    return examples::EncodeRpc(codec(), id, static_cast<uint8_t>(status), frame);
  }
};

}  // namespace

int main(int argc, char** argv) {
  examples::ParseFlags(argc, argv, "An RPC server. Ask it: examples/run rpc_client");
  Rpc rpc;
  return examples::Serve(rpc, absl::GetFlag(FLAGS_address), examples::OptionsFromFlags());
}
