#include "config/usable_cpus.h"

#include <array>
#include <string>

#include "config/cpu_quota.h"
#include "rondo/unique_fd.h"
#include "sys/sys.h"

namespace rondo::config {
namespace {

// All of a file of the kernel's, which tells no size before.
std::string TextOf(const std::string& path) {
  std::string text;
  const UniqueFd file(sys::OpenToRead(path));
  for (ssize_t bytes = file.get() < 0 ? 0 : 1; bytes > 0;) {
    std::array<char, 4096> piece;
    bytes = sys::ReadAt(file.get(), piece.data(), piece.size(), static_cast<int64_t>(text.size()));
    if (bytes > 0) text.append(piece.data(), static_cast<size_t>(bytes));
  }
  return text;
}

}  // namespace

UsableCpus CountUsableCpus() {
  const int allowed = sys::CpuCount();
  const double quota = CpuQuota(TextOf);
  return {.count = LoopsFor(allowed, quota), .allowed = allowed, .quota = quota};
}

}  // namespace rondo::config
