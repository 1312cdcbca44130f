// OffloadHandler is a FramedHandler whose requests are answered on a worker pool: they may block,
// or compute for long, and hold up no other connection. Replies leave as frames, in the order of
// the requests.
//
//   struct Resize : rondo::OffloadHandler<rondo::VarintLengthCodec> {
//     Resize() : OffloadHandler(rondo::VarintLengthCodec(rondo::MaxFrameBytes(1 << 20))) {}
//     absl::StatusOr<std::string> OnRequest(const rondo::ConnectionInfo&,
//                                           std::string_view picture) override {
//       return Thumbnail(picture);
//     }
//   };
//   rondo::Options options{.workers = rondo::WorkerPoolOptions{.max_threads = 8}};
//
// All other callbacks stay on the loop. While ConnectionOptions::offloads requests of a connection
// are under way its further frames wait, and it is not read from. What the peer has asked before it
// ended, or before a stop of the engine, is still answered.

#ifndef RONDO_OFFLOAD_HANDLER_H_
#define RONDO_OFFLOAD_HANDLER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "rondo/connection.h"
#include "rondo/framed_handler.h"
#include "rondo/offload.h"
#include "rondo/socket_address.h"

namespace rondo {

// The base of what requests of one connection share. It lives as long as a request needs it, which
// may be longer than its connection.
class RONDO_API RequestState {
 public:
  virtual ~RequestState() = default;
};

// What a request on another thread may know of its connection: a value, as of its first request.
class ConnectionInfo {
 public:
  ConnectionInfo(const Connection& connection, std::shared_ptr<RequestState> state)
      : id_(connection.id()),
        listener_(connection.listener()),
        remote_address_(connection.remote_address()),
        local_address_(connection.local_address()),
        handle_(connection.handle()),
        state_(std::move(state)) {}

  // As those of Connection.
  uint64_t id() const { return id_; }
  size_t listener() const { return listener_; }
  const SocketAddress& remote_address() const { return remote_address_; }
  const SocketAddress& local_address() const { return local_address_; }
  const ConnectionHandle& handle() const { return handle_; }
  // What OffloadHandler::set_state was given, which must be a T; null when that was not called.
  template <class T>
  T* state() const {
    return static_cast<T*>(state_.get());
  }

 private:
  uint64_t id_;
  size_t listener_;
  SocketAddress remote_address_;
  SocketAddress local_address_;
  ConnectionHandle handle_;
  std::shared_ptr<RequestState> state_;
};

template <Codec C>
class OffloadHandler : public FramedHandler<C> {
 public:
  // The base of every context of a connection of this handler: as FramedHandler::Context.
  class Context : public FramedHandler<C>::Context {
   private:
    friend class OffloadHandler;
    static constexpr ConnectionContext::Tag kExtensionTag{};
    const ConnectionContext::Tag* extension_tag() const final { return &kExtensionTag; }

    std::shared_ptr<RequestState> state_;
    // Made at the first request.
    std::shared_ptr<const ConnectionInfo> info_;
    // What was under way when a request failed is not answered.
    bool has_failed_ = false;
  };

  // With kSerial, the default, the requests of one connection run one after the other, and may
  // touch its state without a lock. With kOrdered they run side by side, and the replies still
  // leave in order.
  explicit OffloadHandler(C codec, OffloadOrder order = OffloadOrder::kSerial)
      : FramedHandler<C>(std::move(codec)), order_(order) {}

  // On a thread of the pool, where it may block. The reply leaves as a frame; a status other than
  // OK closes the connection with it, after the replies to earlier requests, and no later one is
  // answered. An exception does the same with Internal. `request` is valid until it returns.
  virtual absl::StatusOr<std::string> OnRequest(const ConnectionInfo& connection,
                                                std::string_view request) = 0;

  Action OnFrame(Connection& connection, std::string_view frame) final;

 protected:
  // Loop only; in OnOpen. What requests find as ConnectionInfo::state.
  void set_state(Connection& connection, std::unique_ptr<RequestState> state) {
    if (Context* const context = ContextOf(connection)) context->state_ = std::move(state);
  }

 private:
  // Makes one where there is none; null, and the connection is closed, when it is no Context.
  static Context* ContextOf(Connection& connection);
  void Reply(Connection& connection, const absl::StatusOr<std::string>& reply);

  const OffloadOrder order_;
};

template <Codec C>
Action OffloadHandler<C>::OnFrame(Connection& connection, std::string_view frame) {
  Context* const context = ContextOf(connection);
  if (context == nullptr) return Action::kNone;
  if (context->info_ == nullptr) {
    context->info_ = std::make_shared<const ConnectionInfo>(connection, context->state_);
  }
  auto work = [this, info = context->info_, request = std::string(frame)] {
    return OnRequest(*info, request);
  };
  auto then = [this](Connection& answered, const absl::StatusOr<std::string>& reply) {
    Reply(answered, reply);
  };
  // Frames wait while as many are under way as may be: one that is refused ends the connection.
  (void)connection.Offload(std::move(work), then, order_);
  return Action::kNone;
}

template <Codec C>
void OffloadHandler<C>::Reply(Connection& connection, const absl::StatusOr<std::string>& reply) {
  Context* const context = ContextOf(connection);
  if (context == nullptr || context->has_failed_) return;
  absl::Status status = reply.status();
  if (status.ok()) {
    const absl::StatusOr<WriteResult> written = this->WriteFrame(connection, *reply);
    status = written.status();
    if (written.ok() && *written == WriteResult::kRefused) {
      status = absl::ResourceExhaustedError(
          "a reply is larger than ConnectionOptions::outbound_limit_bytes - outbound_high_bytes");
    }
  }
  if (status.ok()) return;
  context->has_failed_ = true;
  connection.Close(status);
}

template <Codec C>
auto OffloadHandler<C>::ContextOf(Connection& connection) -> Context* {
  using Framed = typename FramedHandler<C>::Context;
  if (connection.context<ConnectionContext>() == nullptr ||
      FramedHandler<C>::IsPartialFrame(connection)) {
    connection.set_context(std::make_unique<Context>());
  }
  auto* const framed = connection.context<Framed>();
  if (framed != nullptr && framed->extension_tag() == &Context::kExtensionTag) {
    return static_cast<Context*>(framed);
  }
  connection.Close(absl::FailedPreconditionError(
      "the connection's context does not derive from OffloadHandler<C>::Context; make it do so"));
  return nullptr;
}

}  // namespace rondo

#endif  // RONDO_OFFLOAD_HANDLER_H_
