#include "simulation/kernel.h"

#include "absl/strings/str_cat.h"

#include "base/check.h"
#include "simulation/descriptors/regular_file.h"

namespace rondo::simulation {
namespace {

constinit Kernel* current = nullptr;

// What the disk's files are on.
constexpr uint64_t kDevice = 1;
// 2026-01-01.
constexpr Time kWallClockBegin = Time{1'767'225'600} * 1'000'000'000;
constexpr Time kLongestUptime = Time{400} * 24 * 3600 * 1'000'000'000;

}  // namespace

Kernel::Kernel(uint64_t seed, const Conditions& conditions, const Limits& limits)
    : random_(seed),
      limits_(limits),
      faults_(conditions, random_.Fork()),
      begin_(random_.Between(0, kLongestUptime)),
      clock_(begin_, kWallClockBegin + random_.Between(0, kLongestUptime)),
      network_(clock_, faults_, random_.Fork()),
      scheduler_(clock_, random_.Fork()),
      first_process_(std::make_shared<DescriptorTable>(conditions.descriptor_limit)) {}

Kernel::~Kernel() = default;

Kernel& Kernel::Current() {
  if (current == nullptr || !current->scheduler_.running()) {
    base::CheckFailed("a simulated kernel is called on a simulated thread only, in Simulation::Run",
                      __FILE__, __LINE__);
  }
  return *current;
}

void Kernel::Install() {
  RONDO_CHECK(current == nullptr);
  current = this;
}

void Kernel::Uninstall() { current = nullptr; }

// --- The disk.

void Kernel::WriteFile(const std::string& path, std::string content) {
  disk_[path] = {std::make_shared<const std::string>(std::move(content)), disk_.size() + 1};
}

std::shared_ptr<File> Kernel::OpenFile(const std::string& path) const {
  const auto found = disk_.find(path);
  if (found == disk_.end()) return nullptr;
  const auto& [content, inode] = found->second;
  return std::make_shared<RegularFile>(content, base::FileId{kDevice, inode});
}

// --- System calls.

void Kernel::Enter() {
  if (++calls_ > limits_.calls || clock_.now() - begin_ > limits_.time) {
    scheduler_.Fail(absl::DeadlineExceededError(
        absl::StrCat("the run does not end: ", calls_, " calls in ", clock_.now() - begin_,
                     " ns of virtual time\n", scheduler_.Describe())));
  }
  clock_.Pass(conditions().call_cost);
  if (faults_.Strikes(Fault::kStall)) {
    clock_.Pass(faults_.random().Between(1, conditions().longest_stall));
  }
}

void Kernel::EnterPreemptibly() {
  Enter();
  if (faults_.Strikes(Fault::kPreemption)) scheduler_.Yield();
  if (scheduler_.current().descriptors() != first_process_) return;
  if (!faults_.Strikes(Fault::kThreadStall)) return;
  const Time end = clock_.now() + faults_.random().Between(1, conditions().longest_stall);
  (void)scheduler_.Await(nullptr, end, {"stall", 0});
}

Time Kernel::DeadlineAfter(Time timeout) {
  const Time slack = conditions().timer_slack;
  if (timeout >= kNever - clock_.now() - slack) return kNever;
  return clock_.now() + timeout + (slack == 0 ? 0 : random_.Between(0, slack));
}

WaitQueue& Kernel::WaitingFor(const void* address) {
  for (const auto& [each, queue] : waiting_) {
    if (each == address) return *queue;
  }
  return *waiting_.emplace_back(address, std::make_unique<WaitQueue>()).second;
}

void Kernel::TidyWaiting() {
  std::erase_if(waiting_, [](const auto& each) { return each.second->empty(); });
}

}  // namespace rondo::simulation
