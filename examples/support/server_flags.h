// The flags that the example servers share, and the options they make:
//
//   --address=tcp://127.0.0.1:7000[,MORE]   --loops=N   --accept_mode=acceptor|reuseport
//   --load_balancer=round_robin|source_address_hash|least_connections   --poller=auto|...
//   --private_descriptor_tables
//
// Main thread only.

#ifndef RONDO_EXAMPLES_SUPPORT_SERVER_FLAGS_H_
#define RONDO_EXAMPLES_SUPPORT_SERVER_FLAGS_H_

#include <string>
#include <vector>

#include "absl/flags/declare.h"

#include "rondo/options.h"

ABSL_DECLARE_FLAG(std::vector<std::string>, address);

namespace examples {

// Reads the command line into the flags. --help prints `usage` and the flags of the examples; a
// command line that makes no sense ends the program with a message.
void ParseFlags(int argc, char** argv, const std::string& usage);

// After ParseFlags. Ends the program with a message when a flag has a value that it cannot have.
rondo::Options OptionsFromFlags();

}  // namespace examples

#endif  // RONDO_EXAMPLES_SUPPORT_SERVER_FLAGS_H_
