// EventHandler is what a server is: derive from it and override what you need. The callbacks of a
// connection all run on the thread of the loop it lives on, in this order: one OnOpen, any number
// of OnTraffic, OnPeerShutdown, OnWritable and OnTimeout, one OnClose. A callback must not block:
// every other connection of the loop waits for it.
//
// One handler may serve all loops (`Engine::Start(handler, ...)`): its callbacks then run on
// several threads at once and what they share must be thread-safe. Or give a HandlerFactory, and
// each loop has a handler of its own that needs no locks. A shared one must outlive the engine.
//
//   struct Echo : rondo::EventHandler {
//     rondo::Action OnTraffic(rondo::Connection& connection) override {
//       return rondo::CloseIfRefused(connection.Write(connection.Next()));
//     }
//   };
//
// An exception that leaves a callback closes that connection with an Internal reason and is
// reported to Options::log; other connections are not affected.

#ifndef RONDO_EVENT_HANDLER_H_
#define RONDO_EVENT_HANDLER_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/time.h"

#include "rondo/platform.h"

namespace rondo {

class Connection;
class Engine;
class EventLoop;

// What the loop does after a callback.
enum class Action {
  kNone,
  // As Connection::Close(): send what is queued, then close.
  kClose,
  // Stop the engine, as Engine::Stop(Options::shutdown_grace).
  kShutdown,
};

// Which time of a connection has passed; Connection says what each of them counts.
enum class Timeout { kIdle, kReadIdle, kWriteIdle, kReadDeadline, kWriteDeadline };

class RONDO_API EventHandler {
 public:
  virtual ~EventHandler() = default;

  // The listeners are bound, no loop runs yet; on the thread that starts the engine. kClose and
  // kShutdown call the start off: it fails with Cancelled.
  virtual Action OnBoot(Engine&) { return Action::kNone; }
  // After the last OnClose, when all loops have ended; on the thread that waits for that, in
  // Engine::Stop, Wait, Run or ~Engine. Not called when Start fails before the threads run, for
  // example because OnBoot refused.
  virtual void OnShutdown(Engine&) {}

  // A connection begins. What is written here is the first thing the peer receives. A handler may
  // refuse the connection here: after kClose the peer receives what was written and then the end
  // (FIN), after Connection::Abort it is reset. OnClose follows, and no OnTraffic: what the peer
  // has sent is dropped. To every limit and count it was a connection like the others.
  virtual Action OnOpen(Connection&) { return Action::kNone; }
  // Bytes have arrived, or are offered again (after Yield, OnWritable or a later ResumeReading), or
  // a handle's Wake was called. What the handler does not take stays, and is offered again when
  // more arrives, together with that.
  virtual Action OnTraffic(Connection&) { return Action::kNone; }
  // The peer will send no more, and all it sent was delivered; or the engine is stopping
  // (Engine::stopping), and all that had arrived was. The other direction still works: return kNone
  // to go on writing, and Close() in the end. When a send has failed, OnTraffic still gets all that
  // had arrived, writes are refused, and the connection then ends with the failure as its reason.
  virtual Action OnPeerShutdown(Connection&) { return Action::kClose; }
  // The outbound queue had passed the high mark and has fallen below the low one: a handler that
  // stopped producing on WriteResult::kAboveHighWater goes on here. If input is buffered, OnTraffic
  // follows.
  virtual void OnWritable(Connection&) {}
  // An idle timeout or a deadline has passed. kClose, the default, closes the connection with
  // DeadlineExceeded as its reason ("read idle timeout of tcp://192.0.2.7:51324"). What the handler
  // writes here (a 408, a close frame) is sent first, behind what waits already, within
  // ConnectionOptions::close_timeout; when it writes nothing and output waits, which the peer does
  // not take, the connection is reset. After kNone the connection goes on: an idle timeout begins
  // anew, a deadline is over. So the handler may write a ping, or set another deadline; it may also
  // Close(reason) itself. Not called while the connection closes, or once a send has failed: these
  // times then end it.
  virtual Action OnTimeout(Connection&, Timeout) { return Action::kClose; }
  // The connection ends; exactly once for each OnOpen, never inside another callback of the same
  // connection. Its addresses, context and unread input are still there; writing is refused.
  // `reason` is OK when this side closed or the peer finished in order; otherwise it says why
  // ("Unavailable: recv tcp://192.0.2.7:51324: connection reset by peer"). Of the results only
  // kShutdown has an effect.
  virtual Action OnClose(Connection&, const absl::Status& reason) {
    (void)reason;
    return Action::kNone;
  }

  // On every loop's own thread, first when the loop starts and then after each returned delay.
  // After InfiniteDuration (the default), or an exception, it is not called again.
  virtual absl::Duration OnTick(EventLoop&) { return absl::InfiniteDuration(); }
};

// Makes the handler of loop `loop_index`; called once for each loop on the thread that starts the
// engine. The engine owns what it returns.
using HandlerFactory = std::function<std::unique_ptr<EventHandler>(size_t loop_index)>;

// The handlers of an engine. Converts from an EventHandler, which all loops share, and from
// anything that converts to a HandlerFactory, which makes one for each loop.
class Handlers {
 public:
  Handlers(EventHandler& shared) : shared_(&shared) {}
  template <class Factory>
    requires(std::is_invocable_r_v<std::unique_ptr<EventHandler>, Factory&, size_t> &&
             !std::is_base_of_v<EventHandler, Factory>)
  Handlers(Factory factory) : factory_(std::move(factory)) {}

  // Null: `factory` makes them.
  EventHandler* shared() const { return shared_; }
  const HandlerFactory& factory() const { return factory_; }

 private:
  EventHandler* shared_ = nullptr;
  HandlerFactory factory_;
};

}  // namespace rondo

#endif  // RONDO_EVENT_HANDLER_H_
