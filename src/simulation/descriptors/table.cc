#include "simulation/descriptors/table.h"

#include <algorithm>
#include <cerrno>

namespace rondo::simulation {
namespace {

const std::shared_ptr<File> kNone;

}  // namespace

bool DescriptorTable::full() {
  while (lowest_ < files_.size() && files_[lowest_] != nullptr) ++lowest_;
  return lowest_ >= *limit_;
}

int DescriptorTable::Add(std::shared_ptr<File> file) {
  if (full()) return -EMFILE;
  if (lowest_ == files_.size()) files_.emplace_back();
  files_[lowest_] = std::move(file);
  ++size_;
  return static_cast<int>(lowest_);
}

int DescriptorTable::Close(int fd) {
  if (Find(fd) == nullptr) return -EBADF;
  // The number is free before the file is let go of.
  const std::shared_ptr<File> file = std::exchange(files_[static_cast<size_t>(fd)], nullptr);
  lowest_ = std::min(lowest_, static_cast<size_t>(fd));
  --size_;
  file->NumberClosed(fd);
  return 0;
}

const std::shared_ptr<File>& DescriptorTable::Find(int fd) const {
  const auto index = static_cast<size_t>(fd);
  return fd >= 0 && index < files_.size() ? files_[index] : kNone;
}

}  // namespace rondo::simulation
