#include "benchmarks/load/report.h"

#include <cinttypes>
#include <cstdarg>
#include <cstdio>

namespace load {
namespace {

double Micros(uint64_t nanoseconds) {
  return static_cast<double>(nanoseconds) / 1e3;
}

double PerMessage(uint64_t nanoseconds, uint64_t messages) {
  return messages == 0 ? 0 : Micros(nanoseconds) / static_cast<double>(messages);
}

[[gnu::format(printf, 1, 2)]] std::string Format(const char* format, ...) {
  char text[1024];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof(text), format, arguments);
  va_end(arguments);
  return text;
}

std::string Quoted(const std::string& text) {
  std::string quoted = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  }
  return quoted + '"';
}

int Connections(const Plan& plan) {
  int connections = 0;
  for (const Role& role : plan.roles) connections += role.connections;
  return connections;
}

}  // namespace

std::string ToJson(const Plan& plan, const Report& report) {
  const Tally& tally = report.tally;
  uint64_t server_cpu_ns = report.at_end.cpu_ns - report.at_begin.cpu_ns;
  std::string json = Format(
      "{\"mode\": \"%s\", \"connections\": %d, \"message_bytes\": %u, \"reply_bytes\": %u, "
      "\"depth\": %u, \"threads\": %d, \"seconds\": %.6f, \"connect_seconds\": %.6f, ",
      plan.mode.c_str(), Connections(plan), plan.roles.front().message_bytes,
      plan.roles.front().bytes_back(), plan.roles.front().depth, plan.threads, report.seconds,
      report.connect_seconds);
  json += Format("\"messages\": %" PRIu64 ", \"bytes\": %" PRIu64
                 ", \"messages_per_second\": %.1f, \"bytes_per_second\": %.1f, ",
                 tally.messages, tally.bytes, static_cast<double>(tally.messages) / report.seconds,
                 static_cast<double>(tally.bytes) / report.seconds);
  json += Format("\"p50_us\": %.2f, \"p99_us\": %.2f, \"p999_us\": %.2f, \"max_us\": %.2f, ",
                 Micros(tally.latencies.Quantile(0.5)), Micros(tally.latencies.Quantile(0.99)),
                 Micros(tally.latencies.Quantile(0.999)), Micros(tally.latencies.max()));
  if (plan.roles.front().alone) {
    json += Format("\"real_time\": %s, ", tally.real_time ? "true" : "false");
  }
  json += Format("\"io_uring\": %s, ", tally.io_uring ? "true" : "false");
  json += Format("\"load_cpu_us_per_message\": %.4f, ", PerMessage(tally.cpu_ns, tally.messages));
  if (plan.server_pid != 0) {
    json += Format(
        "\"server_cpu_us_per_message\": %.4f, \"server_cpu_seconds\": %.6f, "
        "\"server_waited_seconds\": %.6f, "
        "\"server_kib_before\": %" PRIu64 ", \"server_kib_begin\": %" PRIu64
        ", \"server_kib\": %" PRIu64 ", ",
        PerMessage(server_cpu_ns, tally.messages), static_cast<double>(server_cpu_ns) / 1e9,
        static_cast<double>(report.at_end.waited_ns - report.at_begin.waited_ns) / 1e9,
        report.before_connections.resident_kib, report.at_begin.resident_kib,
        report.at_end.resident_kib);
  }
  if (plan.server_pid != 0 && plan.rest_ns > 0) {
    json += Format("\"server_kib_rested_before\": %" PRIu64 ", \"server_kib_peak\": %" PRIu64
                   ", \"server_kib_rested_after\": %" PRIu64 ", ",
                   report.rested_before.resident_kib, report.rested_after.peak_kib,
                   report.rested_after.resident_kib);
  }
  json += Format("\"errors\": %" PRIu64, tally.errors);
  if (tally.errors > 0) json += ", \"first_error\": " + Quoted(tally.first_error);
  return json + "}";
}

std::string ToText(const Plan& plan, const Report& report) {
  const Tally& tally = report.tally;
  std::string text =
      Format("%s: %d connections, %.0f messages/s, %.1f MB/s over %.2f s\n", plan.mode.c_str(),
             Connections(plan), static_cast<double>(tally.messages) / report.seconds,
             static_cast<double>(tally.bytes) / report.seconds / 1e6, report.seconds);
  text += Format("  latency us: p50 %.1f  p99 %.1f  p99.9 %.1f  max %.1f\n",
                 Micros(tally.latencies.Quantile(0.5)), Micros(tally.latencies.Quantile(0.99)),
                 Micros(tally.latencies.Quantile(0.999)), Micros(tally.latencies.max()));
  text += Format("  CPU us per message: generator %.3f", PerMessage(tally.cpu_ns, tally.messages));
  if (plan.server_pid != 0) {
    text += Format(", server %.3f; server memory %" PRIu64 " KiB",
                   PerMessage(report.at_end.cpu_ns - report.at_begin.cpu_ns, tally.messages),
                   report.at_end.resident_kib);
  }
  text += "\n";
  if (tally.errors > 0) {
    text +=
        Format("  ERRORS: %" PRIu64 ", the first: %s\n", tally.errors, tally.first_error.c_str());
  }
  return text;
}

}  // namespace load
