#include "engine/validate_options.h"

#include <cstdint>
#include <string_view>

#include "absl/strings/str_cat.h"

#include "base/status.h"
#include "net/socket.h"

namespace rondo::engine {
namespace {

using base::ToAbsl;

constexpr uint64_t kKibibyte = 1 << 10;
constexpr uint64_t kMebibyte = kKibibyte << 10;
constexpr uint64_t kGibibyte = kMebibyte << 10;

absl::Status InRange(std::string_view field, uint64_t value, uint64_t least, uint64_t most) {
  if (value >= least && value <= most) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(ToAbsl(field), " is ", value, "; expected ", least, " to ", most));
}

absl::Status SocketBuffer(std::string_view field, uint64_t bytes) {
  return bytes == 0 ? absl::OkStatus() : InRange(field, bytes, kKibibyte, kGibibyte);
}

absl::Status AtLeastMillisecond(std::string_view field, absl::Duration value) {
  if (value >= absl::Milliseconds(1)) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      ToAbsl(field), " is ", absl::FormatDuration(value), "; expected at least 1ms"));
}

absl::Status Loops(int loops) {
  if (loops >= 0 && loops <= 1024) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "Options::loops is ", loops, "; expected 1 to 1024, or 0 for one on each CPU"));
}

absl::Status Tables(const Options& options) {
  if (!options.private_descriptor_tables || options.loops == 1 ||
      options.accept_mode == AcceptMode::kReusePort) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      "Options::private_descriptor_tables with more than one loop needs accept_mode kReusePort: an "
      "acceptor cannot hand out what is in its own table");
}

absl::Status Memory(const Options& options) {
  RONDO_RETURN_IF_ERROR(
      InRange("Options::read_buffer_bytes", options.read_buffer_bytes, kKibibyte, 16 * kMebibyte));
  return InRange("Options::mailbox_limit_bytes", options.mailbox_limit_bytes, 64 * kKibibyte,
                 4 * kGibibyte);
}

absl::Status Connections(const ConnectionOptions& options) {
  RONDO_RETURN_IF_ERROR(InRange("ConnectionOptions::inbound_limit_bytes",
                                options.inbound_limit_bytes, kKibibyte, kGibibyte));
  RONDO_RETURN_IF_ERROR(InRange("ConnectionOptions::outbound_limit_bytes",
                                options.outbound_limit_bytes, kKibibyte, 4 * kGibibyte));
  RONDO_RETURN_IF_ERROR(InRange("ConnectionOptions::outbound_high_bytes",
                                options.outbound_high_bytes, 0, options.outbound_limit_bytes));
  RONDO_RETURN_IF_ERROR(InRange("ConnectionOptions::outbound_low_bytes",
                                options.outbound_low_bytes, 0, options.outbound_high_bytes));
  RONDO_RETURN_IF_ERROR(
      AtLeastMillisecond("ConnectionOptions::idle_timeout", options.idle_timeout));
  return AtLeastMillisecond("ConnectionOptions::close_timeout", options.close_timeout);
}

absl::Status Sockets(const SocketOptions& options) {
  RONDO_RETURN_IF_ERROR(
      SocketBuffer("SocketOptions::receive_buffer_bytes", options.receive_buffer_bytes));
  RONDO_RETURN_IF_ERROR(
      SocketBuffer("SocketOptions::send_buffer_bytes", options.send_buffer_bytes));
  return options.keep_alive ? net::Validate(*options.keep_alive) : absl::OkStatus();
}

absl::Status Cpus(const Options& options) {
  for (const int cpu : options.cpus) {
    if (cpu >= 0 && cpu < 4096) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("Options::cpus contains ", cpu, "; expected 0 to 4095"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ValidateOptions(const Options& options) {
  RONDO_RETURN_IF_ERROR(Loops(options.loops));
  RONDO_RETURN_IF_ERROR(Cpus(options));
  RONDO_RETURN_IF_ERROR(Tables(options));
  if (options.thread_name.empty() || options.thread_name.size() > 8) {
    return absl::InvalidArgumentError(absl::StrCat("Options::thread_name is \"",
                                                   options.thread_name,
                                                   "\"; expected 1 to 8 characters"));
  }
  if (options.backlog < 1 || options.backlog > 65535) {
    return absl::InvalidArgumentError(
        absl::StrCat("Options::backlog is ", options.backlog, "; expected 1 to 65535"));
  }
  RONDO_RETURN_IF_ERROR(InRange("Options::max_connections", options.max_connections, 1, SIZE_MAX));
  RONDO_RETURN_IF_ERROR(Memory(options));
  if (options.shutdown_grace < absl::ZeroDuration()) {
    return absl::InvalidArgumentError(
        absl::StrCat("Options::shutdown_grace is ", absl::FormatDuration(options.shutdown_grace),
                     "; expected zero or more"));
  }
  RONDO_RETURN_IF_ERROR(Connections(options.connection));
  return Sockets(options.connection.socket);
}

}  // namespace rondo::engine
