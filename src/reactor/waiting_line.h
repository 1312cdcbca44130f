// WaitingLine keeps those that wait for something scarce, in the order in which they came. It needs
// no memory. They are few: what it does takes as long as the line is.

#ifndef RONDO_REACTOR_WAITING_LINE_H_
#define RONDO_REACTOR_WAITING_LINE_H_

#include <cstddef>
#include <utility>

namespace rondo::reactor {

class WaitingLine {
 public:
  // The line's from Join to Leave, and its owner's otherwise.
  class Waiter {
   public:
    Waiter() = default;
    Waiter(const Waiter&) = delete;
    Waiter& operator=(const Waiter&) = delete;

   private:
    friend class WaitingLine;
    Waiter* next_ = nullptr;
  };

  bool empty() const { return first_ == nullptr; }
  size_t size() const { return Ahead(Waiter()); }
  bool Has(const Waiter& waiter) const { return Ahead(waiter) < size(); }
  // How many came before `waiter`; all of them when it is not in the line.
  size_t Ahead(const Waiter& waiter) const {
    size_t count = 0;
    for (const Waiter* each = first_; each != nullptr && each != &waiter; each = each->next_) {
      ++count;
    }
    return count;
  }
  // At the end; nothing happens when it is in the line.
  void Join(Waiter& waiter) { *LinkTo(waiter) = &waiter; }
  // Nothing happens when it is not.
  void Leave(Waiter& waiter) {
    Waiter** const link = LinkTo(waiter);
    if (*link != nullptr) *link = std::exchange(waiter.next_, nullptr);
  }

 private:
  // The link that names `waiter`, or the one at the end.
  Waiter** LinkTo(const Waiter& waiter) {
    Waiter** link = &first_;
    while (*link != nullptr && *link != &waiter) link = &(*link)->next_;
    return link;
  }

  Waiter* first_ = nullptr;
};

}  // namespace rondo::reactor

#endif  // RONDO_REACTOR_WAITING_LINE_H_
