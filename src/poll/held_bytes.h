// HeldBytes are bytes that came in while nobody wanted them. Many are short and some are
// a burst of half a megabyte, which few ever need again: those lie in pages of their own, given
// back to the system at once whatever the allocator does.

#ifndef RONDO_POLL_HELD_BYTES_H_
#define RONDO_POLL_HELD_BYTES_H_

#include <cstddef>
#include <memory>
#include <new>
#include <string>
#include <string_view>

#include "sys/ring.h"

namespace rondo::poll {

template <class T>
struct PagesForMuch {
  using value_type = T;
  static constexpr size_t kMuchBytes = 64 << 10;

  T* allocate(size_t n) {
    if (n * sizeof(T) < kMuchBytes) return std::allocator<T>().allocate(n);
    void* const memory = sys::MapMemory(n * sizeof(T));
    if (memory == nullptr) throw std::bad_alloc();
    return static_cast<T*>(memory);
  }
  void deallocate(T* memory, size_t n) {
    if (n * sizeof(T) < kMuchBytes) return std::allocator<T>().deallocate(memory, n);
    sys::UnmapMemory(memory, n * sizeof(T));
  }
  bool operator==(const PagesForMuch&) const { return true; }
};

class HeldBytes {
 public:
  size_t size() const { return bytes_.size() - begin_; }
  void Append(std::string_view bytes) { bytes_.append(bytes); }
  // Good until the next Append. REQUIRES: n <= size().
  std::string_view Front(size_t n) const { return std::string_view(bytes_).substr(begin_, n); }
  void Consume(size_t n) { begin_ += n; }

 private:
  std::basic_string<char, std::char_traits<char>, PagesForMuch<char>> bytes_;
  size_t begin_ = 0;
};

}  // namespace rondo::poll

#endif  // RONDO_POLL_HELD_BYTES_H_
