// The numbers among the options, one row for each: its name, where it is, and its range. Code
// states a range here only: validation, messages and tests use these tables. The unit is in the
// type or in the name.

#ifndef RONDO_CONFIG_OPTION_FIELDS_H_
#define RONDO_CONFIG_OPTION_FIELDS_H_

#include <cstddef>
#include <limits>
#include <string_view>
#include <tuple>
#include <type_traits>

#include "absl/time/time.h"

#include "rondo/connection_options.h"
#include "rondo/options.h"
#include "rondo/socket_options.h"
#include "rondo/worker_pool.h"

namespace rondo::config {

template <class Scope, class Value>
struct Field {
  constexpr Field(std::string_view name, Value Scope::*member, std::type_identity_t<Value> least,
                  std::type_identity_t<Value> most)
      : name(name), member(member), least(least), most(most) {}

  // The same, and no more than another field.
  constexpr Field AtMost(Value Scope::*other) const {
    Field field = *this;
    field.not_above = other;
    return field;
  }
  // The same, and 0 stands for `meaning`.
  constexpr Field OrZeroFor(std::string_view meaning) const {
    Field field = *this;
    field.zero_means = meaning;
    return field;
  }

  // With its scope: "ConnectionOptions::idle_timeout".
  std::string_view name;
  Value Scope::*member;
  Value least;
  Value most;
  Value Scope::*not_above = nullptr;
  std::string_view zero_means = {};
};

inline constexpr size_t kKibibyte = 1 << 10;
inline constexpr size_t kMebibyte = kKibibyte << 10;
inline constexpr size_t kGibibyte = kMebibyte << 10;

inline constexpr int kMostWorkers = 1024;

inline constexpr std::tuple kOptionsFields{
    Field("Options::loops", &Options::loops, 1, 1024).OrZeroFor("one on each CPU"),
    Field("Options::backlog", &Options::backlog, 1, 65535),
    Field("Options::max_connections", &Options::max_connections, 1,
          std::numeric_limits<size_t>::max()),
    Field("Options::max_connections_per_source", &Options::max_connections_per_source, 0,
          std::numeric_limits<size_t>::max()),
    Field("Options::accept_rate", &Options::accept_rate, 1, 1'000'000).OrZeroFor("no limit"),
    Field("Options::hold_when_busy", &Options::hold_when_busy, 0.01, 0.99).OrZeroFor("never"),
    Field("Options::memory_limit_bytes", &Options::memory_limit_bytes, kMebibyte,
          kMebibyte * kGibibyte)
        .OrZeroFor("no limit"),
    Field("Options::read_buffer_bytes", &Options::read_buffer_bytes, kKibibyte, 16 * kMebibyte),
    Field("Options::mailbox_limit_bytes", &Options::mailbox_limit_bytes, 64 * kKibibyte,
          4 * kGibibyte),
    Field("Options::shutdown_grace", &Options::shutdown_grace, absl::ZeroDuration(),
          absl::InfiniteDuration()),
    Field("Options::slow_callback", &Options::slow_callback, absl::Microseconds(1),
          absl::InfiniteDuration()),
};

inline constexpr std::tuple kConnectionFields{
    Field("ConnectionOptions::inbound_limit_bytes", &ConnectionOptions::inbound_limit_bytes,
          kKibibyte, kGibibyte),
    Field("ConnectionOptions::outbound_limit_bytes", &ConnectionOptions::outbound_limit_bytes,
          kKibibyte, 4 * kGibibyte),
    Field("ConnectionOptions::outbound_high_bytes", &ConnectionOptions::outbound_high_bytes, 0,
          4 * kGibibyte)
        .AtMost(&ConnectionOptions::outbound_limit_bytes),
    Field("ConnectionOptions::outbound_low_bytes", &ConnectionOptions::outbound_low_bytes, 0,
          4 * kGibibyte)
        .AtMost(&ConnectionOptions::outbound_high_bytes),
    Field("ConnectionOptions::offloads", &ConnectionOptions::offloads, 1, kKibibyte),
    Field("ConnectionOptions::idle_timeout", &ConnectionOptions::idle_timeout,
          absl::Milliseconds(1), absl::InfiniteDuration()),
    Field("ConnectionOptions::read_idle_timeout", &ConnectionOptions::read_idle_timeout,
          absl::Milliseconds(1), absl::InfiniteDuration()),
    Field("ConnectionOptions::write_idle_timeout", &ConnectionOptions::write_idle_timeout,
          absl::Milliseconds(1), absl::InfiniteDuration()),
    Field("ConnectionOptions::close_timeout", &ConnectionOptions::close_timeout,
          absl::Milliseconds(1), absl::InfiniteDuration()),
};

inline constexpr std::tuple kSocketFields{
    Field("SocketOptions::receive_buffer_bytes", &SocketOptions::receive_buffer_bytes, kKibibyte,
          kGibibyte)
        .OrZeroFor("the kernel's tuning"),
    Field("SocketOptions::send_buffer_bytes", &SocketOptions::send_buffer_bytes, kKibibyte,
          kGibibyte)
        .OrZeroFor("the kernel's tuning"),
};

inline constexpr std::tuple kWorkerPoolFields{
    Field("WorkerPoolOptions::min_threads", &WorkerPoolOptions::min_threads, 1, kMostWorkers),
    Field("WorkerPoolOptions::idle_timeout", &WorkerPoolOptions::idle_timeout,
          absl::Milliseconds(1), absl::InfiniteDuration()),
    Field("WorkerPoolOptions::queue_limit", &WorkerPoolOptions::queue_limit, 1, kMebibyte * 16),
};

// Ranges of fields that are not single numbers.
inline constexpr size_t kLongestThreadName = 8;
inline constexpr int kLargestCpu = 4095;

}  // namespace rondo::config

#endif  // RONDO_CONFIG_OPTION_FIELDS_H_
