// Random bytes, as fast as they go and in both directions at once, come back as they were. As much
// as issue 2 asks for, 1 GiB on each way to run, is for
//
//   build/test/tests/stress_tests --gtest_also_run_disabled_tests --gtest_filter='*OneGibibyte*'

#include <array>
#include <cstdint>
#include <cstring>
#include <iostream>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/time/clock.h"

#include "gtest/gtest.h"
#include "tests/process/example_server.h"
#include "tests/server/client.h"

namespace rondo {
namespace {

using testing::Client;
using testing::ExampleServer;

// Two, so that two loops are busy.
constexpr size_t kPumps = 2;

// Random bytes without an end, the same for the same seed: xorshift64* by S. Vigna.
class RandomStream {
 public:
  explicit RandomStream(uint64_t seed) : state_(seed) {}

  std::string_view Next() {
    for (uint64_t& word : block_) {
      state_ ^= state_ >> 12;
      state_ ^= state_ << 25;
      state_ ^= state_ >> 27;
      word = state_ * 0x2545F4914F6CDD1D;
    }
    return {reinterpret_cast<const char*>(block_.data()), sizeof block_};
  }
  static constexpr size_t kBlockBytes = 64 << 10;

 private:
  uint64_t state_;
  std::array<uint64_t, kBlockBytes / sizeof(uint64_t)> block_;
};

class PumpTest : public testing::WayToRunTest {
 protected:
  // Through each of kPumps connections, each with one thread that sends and one that receives.
  void Pump(size_t bytes) {
    ExampleServer echo("echo", GetParam().flags);
    const absl::Time start = absl::Now();
    std::vector<Client> clients;
    std::vector<std::thread> threads;
    for (size_t i = 0; i < kPumps; ++i) clients.emplace_back(echo.address());
    for (size_t i = 0; i < kPumps; ++i) {
      threads.emplace_back([&, i] {
        RandomStream stream(i + 1);
        for (size_t sent = 0; sent < bytes; sent += RandomStream::kBlockBytes) {
          ASSERT_TRUE(clients[i].Send(stream.Next())) << "after " << sent << " bytes";
        }
        clients[i].ShutdownWrite();
      });
      threads.emplace_back([&, i] {
        RandomStream stream(i + 1);
        for (size_t received = 0; received < bytes; received += RandomStream::kBlockBytes) {
          const bool same = clients[i].Receive(RandomStream::kBlockBytes) == stream.Next();
          ASSERT_TRUE(same) << "after " << received << " bytes";
        }
        EXPECT_EQ(clients[i].WaitForEnd(), Client::Ending::kFin);
      });
    }
    for (std::thread& thread : threads) thread.join();
    const double seconds = absl::ToDoubleSeconds(absl::Now() - start);
    std::cout << kPumps << " x " << (bytes >> 20) << " MiB there and back, identical, at "
              << static_cast<int>(static_cast<double>(kPumps * bytes) / 1e6 / seconds)
              << " MB/s each way" << std::endl;
  }
};

TEST_P(PumpTest, BytesComeBackAsTheyWere) {
  Pump(128 << 20);
}

TEST_P(PumpTest, DISABLED_OneGibibyteComesBackAsItWas) {
  Pump(1 << 30);
}

INSTANTIATE_TEST_SUITE_P(, PumpTest, ::testing::ValuesIn(testing::WaysToRun()),
                         [](const auto& ways) { return ways.param.name; });

}  // namespace
}  // namespace rondo
