// LentMemory says whether handlers may hold views of memory that does not outlast their callback:
// what Next has taken of bytes that were kept, or what Reserve has returned. One a loop; loop
// thread only.

#ifndef RONDO_STREAM_BYTES_LENT_MEMORY_H_
#define RONDO_STREAM_BYTES_LENT_MEMORY_H_

namespace rondo::stream {

struct LentMemory {
  bool must_end = false;
};

}  // namespace rondo::stream

#endif  // RONDO_STREAM_BYTES_LENT_MEMORY_H_
