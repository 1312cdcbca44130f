// A password service: hashing one takes milliseconds by design, so a worker pool does it and no
// loop waits. Each line is a request, and the answers come in order:
//
//   hash PASSWORD               $2b$08$... (bcrypt, crypt(5))
//   check HASH PASSWORD         yes, or no
//
//   examples/run passwords --workers=4      in another terminal: nc 127.0.0.1 7000

#include <crypt.h>

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/flags/flag.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "rondo/codecs.h"
#include "rondo/offload_handler.h"
#include "rondo/rondo.h"

#include "support/serve.h"
#include "support/server_flags.h"

ABSL_FLAG(int, workers, 4, "threads that hash");

namespace {

constexpr size_t kLongestLine = 256;
// Doubles the time with each step; 8 takes some 15 ms.
constexpr unsigned long kCost = 8;

// `setting` is one of crypt_gensalt(3), or an earlier hash.
absl::StatusOr<std::string> Hash(const std::string& password, const std::string& setting) {
  const auto scratch = std::make_unique<crypt_data>();
  const char* const hash =
      crypt_rn(password.c_str(), setting.c_str(), scratch.get(), sizeof *scratch);
  if (hash == nullptr) return absl::InvalidArgumentError("no hash of crypt(5)");
  return std::string(hash);
}

absl::StatusOr<std::string> HashWithNewSalt(const std::string& password) {
  char salt[CRYPT_GENSALT_OUTPUT_SIZE];
  if (crypt_gensalt_rn("$2b$", kCost, nullptr, 0, salt, sizeof salt) == nullptr) {
    return absl::UnavailableError("no random numbers for a salt");
  }
  return Hash(password, salt);
}

// Tells nothing by how long it takes.
bool IsSame(std::string_view a, std::string_view b) {
  unsigned difference = a.size() == b.size() ? 0 : 1;
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    difference |= static_cast<unsigned>(a[i] ^ b[i]);
  }
  return difference == 0;
}

// Requests share nothing, so those of one connection may run side by side.
class Passwords : public rondo::OffloadHandler<rondo::LineCodec> {
 public:
  Passwords()
      : OffloadHandler(rondo::LineCodec(rondo::MaxFrameBytes(kLongestLine)),
                       rondo::OffloadOrder::kOrdered) {}

  absl::StatusOr<std::string> OnRequest(const rondo::ConnectionInfo&,
                                        std::string_view request) override {
    const std::string_view command = TakeWord(request);
    if (command == "hash") return OrSorry(HashWithNewSalt(std::string(request)));
    if (command == "check") {
      const std::string hash(TakeWord(request));
      const absl::StatusOr<std::string> again = Hash(std::string(request), hash);
      return again.ok() ? (IsSame(*again, hash) ? "yes" : "no") : OrSorry(again);
    }
    return "sorry: expected hash PASSWORD or check HASH PASSWORD";
  }

 private:
  static std::string_view TakeWord(std::string_view& text) {
    const std::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(text.size(), word.size() + 1));
    return word;
  }
  static std::string OrSorry(const absl::StatusOr<std::string>& hash) {
    return hash.ok() ? *hash : "sorry: " + std::string(hash.status().message());
  }
};

}  // namespace

int main(int argc, char** argv) {
  examples::ParseFlags(argc, argv, "Hashes passwords and checks them, a line each.");
  const int workers = absl::GetFlag(FLAGS_workers);
  rondo::Options options = examples::OptionsFromFlags();
  options.workers = rondo::WorkerPoolOptions{.min_threads = workers, .max_threads = workers};
  Passwords passwords;
  return examples::Serve(passwords, absl::GetFlag(FLAGS_address), options);
}
