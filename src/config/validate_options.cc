#include "config/validate_options.h"

#include <algorithm>
#include <optional>
#include <string>
#include <tuple>

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

absl::Status Cpus(const Options& options) {
  for (const int cpu : options.cpus) {
    if (cpu >= 0 && cpu <= kLargestCpu) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("Options::cpus contains ", cpu, "; expected 0 to ", kLargestCpu));
  }
  return absl::OkStatus();
}

absl::Status ThreadName(const Options& options) {
  const std::string& name = options.thread_name;
  if (!name.empty() && name.size() <= kLongestThreadName) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("Options::thread_name is \"", name,
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
  RONDO_RETURN_IF_ERROR(Cpus(options));
  RONDO_RETURN_IF_ERROR(ThreadName(options));
  return ValidateConnectionOptions(options.connection);
}

}  // namespace rondo::config
