// HandlerTable holds the handlers of connections and their options, by a small index that each
// connection keeps. Each loop has one, with an entry for each address of the engine. Constant once
// its loop runs; any thread.

#ifndef RONDO_REACTOR_HANDLER_TABLE_H_
#define RONDO_REACTOR_HANDLER_TABLE_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "base/check.h"
#include "buffer/byte_transform.h"
#include "net/transport.h"
#include "rondo/connection_options.h"
#include "rondo/event_handler.h"

namespace rondo::reactor {

// What all connections of one listener share. What it refers to outlives it.
struct HandlerEntry {
  EventHandler& handler;
  ConnectionOptions options = {};
  const net::Transport& transport = net::Tcp();
  // Makes the transform of each connection's bytes; none: they are taken as they are.
  const buffer::TransformFactory* transform = nullptr;
};

class HandlerTable {
 public:
  using Index = uint8_t;
  // The last index names none of them: see StreamConnection.
  static constexpr size_t kMostEntries = (size_t{1} << 8) - 1;

  // Before the loop runs. REQUIRES: size() < kMostEntries.
  Index Add(HandlerEntry entry) {
    RONDO_CHECK(entries_.size() < kMostEntries);
    entries_.push_back(std::move(entry));
    return static_cast<Index>(entries_.size() - 1);
  }

  // Before the loop runs. One that need not have a listener: it is among the Distinct.
  void AddMain(EventHandler& handler) { main_ = &handler; }

  // The handlers, each once.
  std::vector<EventHandler*> Distinct() const {
    std::vector<EventHandler*> handlers;
    if (main_ != nullptr) handlers.push_back(main_);
    for (const HandlerEntry& entry : entries_) {
      if (std::find(handlers.begin(), handlers.end(), &entry.handler) == handlers.end()) {
        handlers.push_back(&entry.handler);
      }
    }
    return handlers;
  }

  size_t size() const { return entries_.size(); }
  const HandlerEntry& operator[](size_t index) const { return entries_[index]; }
  auto begin() const { return entries_.begin(); }
  auto end() const { return entries_.end(); }

 private:
  std::vector<HandlerEntry> entries_;
  EventHandler* main_ = nullptr;
};

}  // namespace rondo::reactor

#endif  // RONDO_REACTOR_HANDLER_TABLE_H_
