// A DescriptorTable maps numbers to files, for the threads of one process, or for one thread that
// has a table of its own. A new file gets the lowest number that is free, so a number that was
// closed comes back at once.

#ifndef RONDO_SIMULATION_DESCRIPTORS_TABLE_H_
#define RONDO_SIMULATION_DESCRIPTORS_TABLE_H_

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include "simulation/descriptors/file.h"

namespace rondo::simulation {

class DescriptorTable {
 public:
  // RLIMIT_NOFILE: numbers below `limit` may be used. A copy of the table belongs to the same
  // process, and has the same limit for good.
  explicit DescriptorTable(size_t limit) : limit_(std::make_shared<size_t>(limit)) {}

  // The number, or -EMFILE.
  int Add(std::shared_ptr<File> file);
  // 0, or -EBADF.
  int Close(int fd);
  // Null when it is not open.
  const std::shared_ptr<File>& Find(int fd) const;
  // The same for a file that is a T; null for those that are none.
  template <class T>
  T* FindAs(int fd) const {
    const std::shared_ptr<File>& file = Find(fd);
    return file != nullptr && file->kind() == T::kKind ? static_cast<T*>(file.get()) : nullptr;
  }

  // No number is free.
  bool full();
  size_t size() const { return size_; }
  void set_limit(size_t limit) { *limit_ = limit; }

 private:
  std::shared_ptr<size_t> limit_;
  size_t size_ = 0;
  std::vector<std::shared_ptr<File>> files_;
  // No number below it is free.
  size_t lowest_ = 0;
};

}  // namespace rondo::simulation

#endif  // RONDO_SIMULATION_DESCRIPTORS_TABLE_H_
