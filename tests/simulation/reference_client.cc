#include "tests/simulation/reference_client.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"

#include "sys/sys.h"

namespace rondo::simulation {

const char* NameOf(ReferenceClient::Character character) {
  switch (character) {
    case ReferenceClient::Character::kPatient:
      return "patient client";
    case ReferenceClient::Character::kPipelining:
      return "pipelining client";
    case ReferenceClient::Character::kSlow:
      return "slow client";
    case ReferenceClient::Character::kClosing:
      return "closing client";
    case ReferenceClient::Character::kResetting:
      return "resetting client";
    case ReferenceClient::Character::kRude:
      return "rude client";
    case ReferenceClient::Character::kCount:
      break;
  }
  return "none";
}

void ReferenceClient::Run(const SocketAddress& server) {
  (void)sys::Sleep(plan_.delay);
  Client client(plan_.socket);
  if (!client.Connect(server)) {
    connect_error_ = client.error();
    return;
  }
  const int until = plan_.character == Character::kResetting
                        ? static_cast<int>(random_.Below(static_cast<uint64_t>(plan_.exchanges)))
                        : plan_.exchanges;
  switch (plan_.character) {
    case Character::kPipelining:
    case Character::kSlow:
      Pipeline(client);
      break;
    case Character::kRude:
      for (int i = 0; i < until; ++i) sent_ += NextMessage();
      (void)client.SendWhatFits(sent_);
      return client.Close();
    default:
      for (int i = 0; i < until && Exchange(client); ++i) Pause();
      all_sent_ = exchanges_ == plan_.exchanges;
  }
  if (plan_.character == Character::kResetting) {
    (void)client.SendWhatFits(NextMessage());
    return client.Reset();
  }
  if (plan_.character == Character::kClosing && exchanges_ == plan_.exchanges) {
    return client.Close();
  }
  Finish(client);
}

std::string ReferenceClient::NextMessage() {
  const int64_t most = static_cast<int64_t>(plan_.longest_message);
  std::string message(static_cast<size_t>(random_.Magnitude(1, most)), '\0');
  for (size_t i = 0; i < message.size(); i += sizeof(uint64_t)) {
    const uint64_t bytes = random_.Next();
    std::memcpy(message.data() + i, &bytes, std::min(sizeof bytes, message.size() - i));
  }
  if (!sent_.empty()) return message;
  return std::string(reinterpret_cast<const char*>(&plan_.number), sizeof plan_.number) + message;
}

std::string ReferenceClient::Expected(size_t begin, size_t length) const {
  std::string expected;
  if (begin < greeting_.size()) expected = greeting_.substr(begin, length);
  const size_t from_sent = std::max(begin, greeting_.size()) - greeting_.size();
  if (from_sent < sent_.size()) expected += sent_.substr(from_sent, length - expected.size());
  return expected;
}

void ReferenceClient::Check(std::string_view bytes) {
  if (Expected(received_, bytes.size()) != bytes && violation_.empty()) {
    violation_ = absl::StrCat("client ", plan_.number, ": of ", bytes.size(), " bytes from byte ",
                              received_, " some are not what was sent");
  }
  received_ += bytes.size();
}

bool ReferenceClient::Exchange(Client& client) {
  if (!SendMessage(client, 16 << 10)) return false;
  Check(client.Receive(expected_bytes() - received_));
  if (received_ != expected_bytes()) return false;
  ++exchanges_;
  return true;
}

// An echo server that is not read from reads no more: who sends without reading waits for ever.
bool ReferenceClient::SendMessage(Client& client, size_t most_read) {
  std::string unsent = NextMessage();
  sent_ += unsent;
  for (;;) {
    unsent.erase(0, client.SendWhatFits(unsent));
    if (spoke_at_ == 0 && sent_.size() - unsent.size() >= sizeof plan_.number) {
      spoke_at_ = sys::Now();
    }
    if (unsent.empty()) return true;
    if (!client.WouldBlock() || !client.AwaitEither()) return false;
    if (client.HasInput() && !ReceiveSome(client, most_read)) return false;
  }
}

bool ReferenceClient::ReceiveSome(Client& client, size_t most) {
  Check(client.ReceiveSome(most));
  return client.ending() == Client::Ending::kNone;
}

void ReferenceClient::Pipeline(Client& client) {
  const bool slow = plan_.character == Character::kSlow;
  const size_t most_read = slow ? 1 << 10 : 16 << 10;
  for (; exchanges_ < plan_.exchanges; ++exchanges_) {
    if (slow) Pause();
    if (!SendMessage(client, most_read)) return;
    if (slow && random_.Below(4) > 0) continue;
    while (client.HasInput()) {
      if (!ReceiveSome(client, most_read)) return;
    }
  }
  all_sent_ = true;
}

void ReferenceClient::Finish(Client& client) {
  client.ShutdownWrite();
  if (client.ending() == Client::Ending::kNone) {
    for (std::string some; !(some = client.ReceiveSome(16 << 10)).empty();) Check(some);
  }
  ending_ = client.ending();
  has_read_all_ = ending_ != Client::Ending::kTimeout;
  complete_ = all_sent_ && received_ == expected_bytes() && ending_ == Client::Ending::kFin;
  if (ending_ == Client::Ending::kTimeout && violation_.empty()) {
    violation_ = absl::StrCat("client ", plan_.number, " waits for ever: ", received_, " of ",
                              expected_bytes(), " bytes have come back");
  }
}

void ReferenceClient::Pause() {
  if (plan_.pause > 0) (void)sys::Sleep(random_.Magnitude(1, plan_.pause));
}

}  // namespace rondo::simulation
