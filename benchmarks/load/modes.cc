#include "benchmarks/load/modes.h"

namespace load {
namespace {

constexpr uint32_t kFloodBytes = 16 * 1024;
constexpr uint32_t kFloodDepth = 64;
// More than the buffers of both sockets hold: only they limit what is written.
constexpr uint32_t kPieceBytes = 64 * 1024;
constexpr uint32_t kPieceDepth = 512;

absl::Status Invalid(const std::string& what) {
  return absl::InvalidArgumentError(what);
}

absl::Status Check(const ModeRequest& request) {
  if (request.connections < 1) return Invalid("--connections: expected at least 1");
  if (request.message_bytes < 1 || request.message_bytes > 16 << 20) {
    return Invalid("--size: expected 1 to 16777216 bytes");
  }
  if (request.reply_bytes < 0 || request.reply_bytes > 16 << 20) {
    return Invalid("--reply_size: expected 1 to 16777216 bytes, or 0 for an echo");
  }
  if (request.reply_bytes > 0 && request.mode != "ping") {
    return Invalid("--reply_size: expected with --mode=ping only");
  }
  if (request.depth < 1 || request.depth > 65536) return Invalid("--depth: expected 1 to 65536");
  if (request.active < 0 || request.active > request.connections) {
    return Invalid("--active: expected 0 to the number of --connections");
  }
  if ((request.rate > 0) != (request.mode == "rate" || request.mode == "flood")) {
    return Invalid("--rate: expected with --mode=rate and --mode=flood, and only there");
  }
  if (request.mode == "broadcast" && request.message_bytes > 2048) {
    return Invalid("--size: expected at most 2048 bytes with --mode=broadcast");
  }
  return absl::OkStatus();
}

}  // namespace

std::string ModesHelp() {
  return "ping: --depth messages of --size bytes under way on each connection, that come back, or\n"
         "are answered with --reply_size bytes;\n"
         "rate: --rate messages a second by the clock, latency from when each was due;\n"
         "hold: --connections that were used once, --active of which go on;\n"
         "churn: connect, one exchange, close, --connections at a time;\n"
         "fairness: --connections that flood and one more, the only one measured, that pings;\n"
         "flood: --connections that write 64 KiB pieces as fast as they are taken, and one more,\n"
         "the only one measured, with --rate messages a second and a thread of its own;\n"
         "broadcast: the last of --connections sends, the server sends it to all, one by one";
}

absl::StatusOr<std::vector<Role>> RolesOf(const ModeRequest& request) {
  if (absl::Status status = Check(request); !status.ok()) return status;
  Role role = {.connections = request.connections,
               .message_bytes = static_cast<uint32_t>(request.message_bytes),
               .reply_bytes = static_cast<uint32_t>(request.reply_bytes),
               .depth = static_cast<uint32_t>(request.depth)};
  if (request.mode == "ping" || request.mode == "churn" || request.mode == "broadcast") {
    return std::vector<Role>{role};
  }
  if (request.mode == "rate") {
    role.pace = Pace::kScheduled;
    return std::vector<Role>{role};
  }
  if (request.mode == "hold") {
    Role idle = role;
    idle.pace = Pace::kOnce;
    idle.depth = 1;
    idle.connections = request.connections - request.active;
    idle.measured = false;
    role.connections = request.active;
    return std::vector<Role>{role, idle};
  }
  if (request.mode == "fairness") {
    Role flood = {.connections = request.connections,
                  .message_bytes = kFloodBytes,
                  .depth = kFloodDepth,
                  .measured = false};
    role.connections = 1;
    return std::vector<Role>{role, flood};
  }
  if (request.mode == "flood") {
    Role flood = {.connections = request.connections,
                  .message_bytes = kPieceBytes,
                  .depth = kPieceDepth,
                  .measured = false,
                  .dropped = true};
    role.connections = 1;
    role.pace = Pace::kScheduled;
    role.alone = true;
    return std::vector<Role>{role, flood};
  }
  return Invalid("--mode: \"" + request.mode +
                 "\" is unknown; expected ping, rate, hold, churn, fairness, flood or broadcast");
}

}  // namespace load
