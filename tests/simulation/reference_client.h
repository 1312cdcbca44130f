// ReferenceClient is a client of an echo server that knows every byte: it has one of several
// characters, drawn from the seed, and afterwards says what it sent, what came back and how it
// ended. Whatever happens to the connection, what came back must be the beginning of what was sent.
// One simulated thread's; read by others once that has ended.

#ifndef RONDO_TESTS_SIMULATION_REFERENCE_CLIENT_H_
#define RONDO_TESTS_SIMULATION_REFERENCE_CLIENT_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "rondo/socket_address.h"

#include "simulation/client/client.h"
#include "simulation/random.h"

namespace rondo::simulation {

class ReferenceClient {
 public:
  enum class Character {
    // Waits for each reply, ends its output, and reads to the end.
    kPatient,
    // Sends as fast as it can, reads what comes meanwhile, then as above.
    kPipelining,
    // The same, but it reads little and rarely.
    kSlow,
    // Closes after the last reply.
    kClosing,
    // Resets in the midst.
    kResetting,
    // Sends and closes without reading.
    kRude,
    kCount,
  };

  // What is drawn of it.
  struct Plan {
    Character character;
    uint32_t number;
    int exchanges;
    size_t longest_message;
    // Until it connects.
    int64_t delay;
    // Between two exchanges, at most.
    int64_t pause;
    Client::Options socket;
  };

  // `greeting` comes before all replies.
  ReferenceClient(const Plan& plan, std::string greeting, Random random)
      : plan_(plan), greeting_(std::move(greeting)), random_(random) {}

  void Run(const SocketAddress& server);

  const Plan& plan() const { return plan_; }
  // When it had said its number; 0: never.
  int64_t spoke_at() const { return spoke_at_; }
  // The errno of a connect that failed.
  int connect_error() const { return connect_error_; }
  // All that it meant to was sent, was received, and ended by a FIN.
  bool complete() const { return complete_; }
  // It has read to the end, whatever that was: what was sent to it and not lost has come.
  bool has_read_all() const { return has_read_all_; }
  // Whether it is one that reads to the end, and does nothing that could harm the connection.
  bool orderly() const {
    return plan_.character == Character::kPatient || plan_.character == Character::kPipelining ||
           plan_.character == Character::kSlow;
  }
  size_t received() const { return received_; }
  int exchanges() const { return exchanges_; }
  Client::Ending ending() const { return ending_; }
  // "" when nothing is wrong: another byte came back, or nothing, for too long.
  const std::string& violation() const { return violation_; }

 private:
  std::string NextMessage();
  // Compares what came with what was sent.
  void Check(std::string_view bytes);
  // Sends one message and waits for the reply; false when the connection has ended.
  bool Exchange(Client& client);
  // Sends one message, and reads meanwhile where it must.
  bool SendMessage(Client& client, size_t most_read);
  bool ReceiveSome(Client& client, size_t most);
  void Pipeline(Client& client);
  // Ends the output and reads to the end.
  void Finish(Client& client);
  void Pause();

  // Of all that comes back when nothing is lost, the part from byte `begin`.
  std::string Expected(size_t begin, size_t length) const;
  size_t expected_bytes() const { return greeting_.size() + sent_.size(); }

  const Plan plan_;
  const std::string greeting_;
  Random random_;
  // All that was given to the kernel.
  std::string sent_;
  size_t received_ = 0;
  int exchanges_ = 0;
  int64_t spoke_at_ = 0;
  int connect_error_ = 0;
  bool complete_ = false;
  bool has_read_all_ = false;
  bool all_sent_ = false;
  Client::Ending ending_ = Client::Ending::kNone;
  std::string violation_;
};

// "patient client".
const char* NameOf(ReferenceClient::Character character);

}  // namespace rondo::simulation

#endif  // RONDO_TESTS_SIMULATION_REFERENCE_CLIENT_H_
