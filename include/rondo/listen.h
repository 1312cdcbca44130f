// Listen: one address that an engine listens on, and what is special about it. Addresses: all of
// an engine's, as Engine::Start takes them. Plain values: copy them, keep them on any thread.
//
//   auto plain = rondo::Engine::Start(handler, "tcp://:80");
//   auto with_admin = rondo::Engine::Start(
//       handler, {"tcp://:80", rondo::Listen{.address = "tcp://[::1]:81", .handler = &admin}});
//
// The text is as in socket_address.h. What a Listen leaves out is as in Options, and the handler is
// the engine's. A text alone is a Listen with nothing but that address.

#ifndef RONDO_LISTEN_H_
#define RONDO_LISTEN_H_

#include <concepts>
#include <initializer_list>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "rondo/connection_options.h"
#include "rondo/event_handler.h"
#include "rondo/options.h"

namespace rondo {
namespace buffer {
class TransformFactory;
}

struct Listen {
  std::string address;
  // Serves what connects here, instead of the engine's handler. It runs on every loop, so it must
  // be thread-safe, and it must outlive the engine.
  EventHandler* handler = nullptr;
  // Replaces Options::connection, as a whole.
  std::optional<ConnectionOptions> connection = {};
  // Replaces Options::accept_mode.
  std::optional<AcceptMode> accept_mode = {};
  // Rondo's own: what changes the bytes of each connection on their way, as TLS will.
  const buffer::TransformFactory* transform = nullptr;
};

// Converts from a text, a Listen, a braced list of both, or a container of them
// (std::vector<std::string>).
class Addresses {
 public:
  template <class Text>
    requires std::convertible_to<const Text&, std::string_view>
  Addresses(const Text& address)
      : listens_{Listen{.address = std::string(std::string_view(address))}} {}
  Addresses(Listen listen) : listens_{std::move(listen)} {}
  Addresses(std::initializer_list<Addresses> parts) {
    for (const Addresses& part : parts) Append(part);
  }
  template <class Container>
    requires requires(const Container& parts) {
      { *std::begin(parts) } -> std::convertible_to<Addresses>;
    } && (!std::convertible_to<const Container&, std::string_view>)
  Addresses(const Container& parts) {
    for (const auto& part : parts) Append(part);
  }

  // In the order in which they were given.
  const std::vector<Listen>& listens() const { return listens_; }

 private:
  void Append(const Addresses& part) {
    listens_.insert(listens_.end(), part.listens_.begin(), part.listens_.end());
  }

  std::vector<Listen> listens_;
};

}  // namespace rondo

#endif  // RONDO_LISTEN_H_
