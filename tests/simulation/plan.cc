#include "tests/simulation/plan.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace rondo::simulation {
namespace {

constexpr int64_t kMillisecond = 1'000'000;
constexpr int64_t kLongestPause = 100 * kMillisecond;

const char* NameOf(PollerKind kind) {
  switch (kind) {
    case PollerKind::kEpoll:
      return "epoll";
    case PollerKind::kEpollEdge:
      return "edge epoll";
    case PollerKind::kKqueue:
      return "kqueue";
    default:
      return "auto";
  }
}

}  // namespace

Plan::Plan(uint64_t seed) : random(seed), conditions(Conditions::FromSeed(random)) {
  DrawOptions();
  DrawShortage();
  DrawClients();
  DrawTimeouts();
  DrawStop();
  visitors = random.Below(3) == 0 ? static_cast<int>(random.Between(1, 3)) : 0;
}

void Plan::DrawOptions() {
  options.poller = Pollers()[random.Below(Pollers().size())];
  options.loops = static_cast<int>(random.Between(1, 4));
  options.accept_mode = random.Below(2) == 0 ? AcceptMode::kAcceptor : AcceptMode::kReusePort;
  options.backlog = static_cast<int>(random.Magnitude(1, 128));
  options.read_buffer_bytes = static_cast<size_t>(random.Magnitude(1 << 10, 128 << 10));
  options.connection.outbound_high_bytes =
      static_cast<size_t>(random.Magnitude(1 << 10, 256 << 10));
  options.connection.outbound_low_bytes = static_cast<size_t>(random.Between(0, 1 << 10));
  // Stalls of a link may be long.
  options.connection.close_timeout = absl::Hours(1);
  if (random.Below(4) == 0) {
    options.max_connections = static_cast<size_t>(random.Between(1, 8));
  }
  if (random.Below(4) == 0) spare_descriptors = random.Below(6);
  // Linux alone has tables of a thread.
  const bool may_be_private =
      options.poller != PollerKind::kKqueue &&
      (options.accept_mode == AcceptMode::kReusePort || options.loops == 1);
  if (may_be_private && !spare_descriptors && random.Below(4) == 0) {
    options.private_descriptor_tables = true;
  }
  style.may_lack_descriptors = spare_descriptors.has_value();
  style.pauses = random.Below(3) == 0;
  style.offloads = random.Below(4) == 0;
  style.asks_when_sent = random.Below(3) == 0;
  if (random.Below(4) == 0 && !options.private_descriptor_tables) {
    greeting.resize(static_cast<size_t>(random.Magnitude(1, 200'000)));
    for (char& byte : greeting) byte = static_cast<char>(random.Next());
    style.greeting_path = "/greeting";
    style.greeting_bytes = greeting.size();
  }
  if (!style.offloads) return;
  options.workers = WorkerPoolOptions{.min_threads = static_cast<int>(random.Between(1, 2)),
                                      .max_threads = static_cast<int>(random.Between(2, 4)),
                                      .idle_timeout = absl::Milliseconds(random.Between(1, 20)),
                                      .queue_limit = static_cast<size_t>(random.Magnitude(1, 64))};
  options.connection.offloads = static_cast<size_t>(random.Between(1, 16));
}

void Plan::DrawShortage() {
  if (random.Below(12) > 0) return;
  may_not_start = true;
  if (random.Below(2) == 0) {
    descriptors_at_start = random.Below(30);
  } else {
    conditions.thread_limit = static_cast<size_t>(random.Between(1, 8));
  }
}

void Plan::DrawClients() {
  const int count = static_cast<int>(random.Magnitude(1, 40));
  const int64_t pause = random.Below(2) == 0 ? 0 : random.Magnitude(1000, kLongestPause);
  const bool all_at_once = random.Below(2) == 0;
  const auto longest = static_cast<size_t>(random.Magnitude(16, 64 << 10));
  for (int i = 0; i < count; ++i) {
    const auto any = static_cast<ReferenceClient::Character>(
        random.Below(static_cast<uint64_t>(ReferenceClient::Character::kCount)));
    ReferenceClient::Plan client{
        .character = random.Below(2) == 0 ? ReferenceClient::Character::kPatient : any,
        .number = static_cast<uint32_t>(i),
        .exchanges = static_cast<int>(random.Between(1, 20)),
        .longest_message = longest,
        .delay = all_at_once ? 0 : random.Magnitude(1, 500 * kMillisecond),
        .pause = pause,
        .socket = {},
    };
    if (random.Below(4) == 0) {
      client.socket.receive_buffer_bytes = static_cast<int>(random.Magnitude(2 << 10, 64 << 10));
    }
    clients.push_back(client);
  }
}

void Plan::DrawTimeouts() {
  if (random.Below(3) > 0) return;
  if (random.Below(2) == 0) {
    const int64_t timeout = random.Magnitude(kMillisecond, 1000 * kMillisecond);
    options.connection.idle_timeout = absl::Nanoseconds(timeout);
    return;
  }
  // Nothing but this server's own threads makes anything late.
  clients_are_lively = true;
  for (const Fault fault : {Fault::kStall, Fault::kLinkStall}) conditions.of(fault) = 0;
  conditions.of(Fault::kThreadStall) = static_cast<uint32_t>(random.Magnitude(100, 3000));
  conditions.longest_stall = random.Magnitude(100 * kMillisecond, 5000 * kMillisecond);
  conditions.latency_most = std::min(conditions.latency_most, 2 * kMillisecond);
  conditions.latency_least = std::min(conditions.latency_least, conditions.latency_most);
  conditions.cut_segments = false;
  options.connection.idle_timeout = absl::Nanoseconds(4 * kLongestPause);
  // A slow one does not read for longer than that.
  const bool pause_long = random.Below(2) == 0;
  for (ReferenceClient::Plan& client : clients) {
    if (pause_long) client.pause = kLongestPause;
    if (client.character != ReferenceClient::Character::kSlow) continue;
    client.character = ReferenceClient::Character::kPipelining;
  }
}

void Plan::DrawStop() {
  if (random.Below(3) == 0) stop_after = random.Magnitude(1000, 1000 * kMillisecond);
  if (random.Below(3) == 0) grace = absl::Nanoseconds(random.Between(0, 50 * kMillisecond));
}

std::string Plan::Describe() const {
  std::string text = absl::StrCat(
      NameOf(options.poller), ", ", options.loops, " loops, ",
      options.accept_mode == AcceptMode::kAcceptor ? "acceptor" : "reuse port", ", ",
      clients.size(), " clients");
  if (style.offloads) absl::StrAppend(&text, ", offloading");
  if (style.pauses) absl::StrAppend(&text, ", pausing");
  if (!greeting.empty()) absl::StrAppend(&text, ", greeting of ", greeting.size(), " bytes");
  if (visitors > 0) absl::StrAppend(&text, ", ", visitors, " visitors");
  if (spare_descriptors) absl::StrAppend(&text, ", ", *spare_descriptors, " spare descriptors");
  if (options.private_descriptor_tables) absl::StrAppend(&text, ", private tables");
  if (may_not_start) absl::StrAppend(&text, ", may not start");
  if (options.connection.idle_timeout < absl::InfiniteDuration()) {
    absl::StrAppend(&text, ", idle timeout ",
                    absl::FormatDuration(options.connection.idle_timeout));
  }
  if (stop_after) absl::StrAppend(&text, ", stopped after ", *stop_after, " ns");
  if (!grace_is_long()) absl::StrAppend(&text, ", grace ", absl::FormatDuration(grace));
  return text;
}

}  // namespace rondo::simulation
