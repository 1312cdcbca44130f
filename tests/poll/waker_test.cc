#include "poll/waker.h"

#include <poll.h>

#include <cerrno>

#include "base/status.h"
#include "gtest/gtest.h"
#include "poll/endpoint.h"
#include "tests/kernel/faulty_sys.h"

namespace rondo::poll {
namespace {

using rondo::testing::Call;
using rondo::testing::FaultySys;

bool IsReadable(const Waker& waker) {
  pollfd look = {.fd = waker.fd(), .events = POLLIN, .revents = 0};
  return ::poll(&look, 1, 0) == 1;
}

TEST(WakerTest, CostsASystemCallForEachWake) {
  const FaultySys kernel;
  const auto waker = Waker::New();
  ASSERT_TRUE(waker.ok());
  EXPECT_FALSE(IsReadable(**waker));
  (*waker)->Wake();
  EXPECT_TRUE(IsReadable(**waker));
  (*waker)->Wake();
  EXPECT_EQ(kernel.count(Call::kSignalEventFd), 2);
}

TEST(WakerTest, WithoutDescriptorsThereIsNone) {
  FaultySys kernel;
  kernel.Fail(Call::kEventFd, EMFILE);
  EXPECT_EQ(Waker::New().status(),
            base::ErrnoStatus(EMFILE, "eventfd", base::CureOfShortage(EMFILE)));
}

TEST(EndpointIdTest, SurvivesTheKernelsEightBytes) {
  for (const uint32_t slot : {0u, 1u, 0x8000'0000u, UINT32_MAX}) {
    for (const uint32_t generation : {1u, 77u, UINT32_MAX}) {
      const EndpointId id = EndpointId::Unpack(EndpointId{slot, generation}.Pack());
      EXPECT_EQ(id.slot, slot);
      EXPECT_EQ(id.generation, generation);
    }
  }
}

}  // namespace
}  // namespace rondo::poll
