// RegularFile is a file on the simulated disk, opened for reading. NullFile is /dev/null. Contents
// are shared by all that open the same file.

#ifndef RONDO_SIMULATION_DESCRIPTORS_REGULAR_FILE_H_
#define RONDO_SIMULATION_DESCRIPTORS_REGULAR_FILE_H_

#include <memory>
#include <string>
#include <utility>

#include "base/file_id.h"
#include "simulation/descriptors/file.h"

namespace rondo::simulation {

class RegularFile final : public File {
 public:
  static constexpr Kind kKind = Kind::kRegular;

  RegularFile(std::shared_ptr<const std::string> content, base::FileId id)
      : File(kKind), content_(std::move(content)), id_(id) {}

  const std::string& content() const { return *content_; }
  base::FileId id() const { return id_; }

 private:
  const std::shared_ptr<const std::string> content_;
  const base::FileId id_;
};

class NullFile final : public File {
 public:
  static constexpr Kind kKind = Kind::kNull;

  NullFile() : File(kKind) {}
};

}  // namespace rondo::simulation

#endif  // RONDO_SIMULATION_DESCRIPTORS_REGULAR_FILE_H_
