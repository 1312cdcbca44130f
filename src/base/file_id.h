// FileId is what tells files apart, whichever descriptors are open for them: device and inode. A
// value; it stays true for as long as a descriptor keeps the file from being freed.

#ifndef RONDO_BASE_FILE_ID_H_
#define RONDO_BASE_FILE_ID_H_

#include <cstdint>

namespace rondo::base {

// The default is no file's.
struct FileId {
  uint64_t device = 0;
  uint64_t inode = 0;

  friend bool operator==(FileId, FileId) = default;
};

}  // namespace rondo::base

#endif  // RONDO_BASE_FILE_ID_H_
