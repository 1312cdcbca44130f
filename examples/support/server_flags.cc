#include "support/server_flags.h"

#include <cstdlib>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <string_view>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/flags/usage_config.h"

#include "rondo/load_balancer.h"

ABSL_FLAG(std::vector<std::string>, address, {"tcp://127.0.0.1:7000"},
          "where to listen, separated by commas; port 0: any free port");
ABSL_FLAG(int, loops, 1, "event loops, one thread each; 0: one for each CPU that it may use");
ABSL_FLAG(std::string, accept_mode, "acceptor", "acceptor or reuseport");
ABSL_FLAG(std::string, load_balancer, "round_robin",
          "round_robin, source_address_hash or least_connections");
ABSL_FLAG(bool, private_descriptor_tables, false,
          "a descriptor table, and so a limit of descriptors, for each loop; not on every system");
ABSL_FLAG(std::string, poller, "auto",
          "auto, epoll, epoll_edge, io_uring or kqueue; not every system has each");

namespace examples {
namespace {

template <class Value>
Value Choose(std::string_view flag, const std::string& text,
             const std::map<std::string, Value>& values) {
  if (const auto found = values.find(text); found != values.end()) return found->second;
  std::cerr << "--" << flag << "=" << text << ": expected one of";
  for (const auto& [name, value] : values) std::cerr << " " << name;
  std::cerr << std::endl;
  std::exit(2);
}

}  // namespace

void ParseFlags(int argc, char** argv, const std::string& usage) {
  absl::FlagsUsageConfig config;
  config.contains_help_flags = [](absl::string_view file) {
    return file.find("examples/") != file.npos;
  };
  absl::SetFlagsUsageConfig(config);
  absl::SetProgramUsageMessage(usage);
  absl::ParseCommandLine(argc, argv);
}

rondo::Options OptionsFromFlags() {
  using Balancer = std::function<std::unique_ptr<rondo::LoadBalancer>()>;
  rondo::Options options;
  options.loops = absl::GetFlag(FLAGS_loops);
  options.accept_mode = Choose<rondo::AcceptMode>(
      "accept_mode", absl::GetFlag(FLAGS_accept_mode),
      {{"acceptor", rondo::AcceptMode::kAcceptor}, {"reuseport", rondo::AcceptMode::kReusePort}});
  options.load_balancer =
      Choose<Balancer>("load_balancer", absl::GetFlag(FLAGS_load_balancer),
                       {{"round_robin", rondo::NewRoundRobin},
                        {"source_address_hash", [] { return rondo::NewSourceAddressHash(); }},
                        {"least_connections", rondo::NewLeastConnections}})();
  options.poller = Choose<rondo::PollerKind>("poller", absl::GetFlag(FLAGS_poller),
                                             {{"auto", rondo::PollerKind::kAuto},
                                              {"epoll", rondo::PollerKind::kEpoll},
                                              {"epoll_edge", rondo::PollerKind::kEpollEdge},
                                              {"io_uring", rondo::PollerKind::kIoUring},
                                              {"kqueue", rondo::PollerKind::kKqueue}});
  options.private_descriptor_tables = absl::GetFlag(FLAGS_private_descriptor_tables);
  return options;
}

}  // namespace examples
