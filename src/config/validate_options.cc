#include "config/validate_options.h"

#include <algorithm>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "absl/strings/str_cat.h"

#include "base/status.h"
#include "config/option_fields.h"
#include "net/socket.h"

namespace rondo::config {
namespace {

using base::ToAbsl;

template <class Number>
std::string RangeText(Number least, Number most) {
  return absl::StrCat(least, " to ", most);
}

// Durations have no upper end.
std::string RangeText(absl::Duration least, absl::Duration) {
  if (least == absl::ZeroDuration()) return "zero or more";
  return absl::StrCat("at least ", absl::FormatDuration(least));
}

template <class Number>
std::string ValueText(Number value) {
  return absl::StrCat(value);
}

std::string ValueText(absl::Duration value) { return absl::FormatDuration(value); }

template <class Scope, class Value>
absl::Status Validate(const Field<Scope, Value>& field, const Scope& scope) {
  const Value value = scope.*field.member;
  if (!field.zero_means.empty() && value == Value()) return absl::OkStatus();
  Value most = field.most;
  if (field.not_above != nullptr) most = std::min(most, scope.*field.not_above);
  if (value >= field.least && value <= most) return absl::OkStatus();
  const std::string zero =
      field.zero_means.empty() ? "" : absl::StrCat(", or 0 for ", ToAbsl(field.zero_means));
  return absl::InvalidArgumentError(absl::StrCat(ToAbsl(field.name), " is ", ValueText(value),
                                                 "; expected ", RangeText(field.least, most),
                                                 zero));
}

// The first problem among the fields of a table.
template <class Fields, class Scope>
absl::Status ValidateAll(const Fields& fields, const Scope& scope) {
  absl::Status status;
  const auto validate = [&](const auto&... field) { (status.Update(Validate(field, scope)), ...); };
  std::apply(validate, fields);
  return status;
}

// `scope` is that of the field.
absl::Status Cpus(const char* scope, const std::vector<int>& cpus) {
  for (const int cpu : cpus) {
    if (cpu >= 0 && cpu <= kLargestCpu) continue;
    return absl::InvalidArgumentError(
        absl::StrCat(scope, "::cpus contains ", cpu, "; expected 0 to ", kLargestCpu));
  }
  return absl::OkStatus();
}

absl::Status ThreadName(const char* scope, const std::string& name) {
  if (!name.empty() && name.size() <= kLongestThreadName) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(scope, "::thread_name is \"", name,
                                                 "\"; expected 1 to ", kLongestThreadName,
                                                 " characters"));
}

}  // namespace

absl::Status ValidateConnectionOptions(const ConnectionOptions& options) {
  RONDO_RETURN_IF_ERROR(ValidateAll(kConnectionFields, options));
  RONDO_RETURN_IF_ERROR(ValidateAll(kSocketFields, options.socket));
  const std::optional<KeepAlive>& keep_alive = options.socket.keep_alive;
  return keep_alive ? net::Validate(*keep_alive) : absl::OkStatus();
}

absl::Status ValidateOptions(const Options& options) {
  RONDO_RETURN_IF_ERROR(ValidateAll(kOptionsFields, options));
  RONDO_RETURN_IF_ERROR(Cpus("Options", options.cpus));
  RONDO_RETURN_IF_ERROR(ThreadName("Options", options.thread_name));
  return ValidateConnectionOptions(options.connection);
}

absl::Status ValidateWorkerPoolOptions(const WorkerPoolOptions& options) {
  RONDO_RETURN_IF_ERROR(ValidateAll(kWorkerPoolFields, options));
  RONDO_RETURN_IF_ERROR(Cpus("WorkerPoolOptions", options.cpus));
  RONDO_RETURN_IF_ERROR(ThreadName("WorkerPoolOptions", options.thread_name));
  const int most = options.max_threads.value_or(kMostWorkers);
  if (options.min_threads <= most && most <= kMostWorkers) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("WorkerPoolOptions::max_threads is ", most, "; expected min_threads (",
                   options.min_threads, ") to ", kMostWorkers));
}

}  // namespace rondo::config
