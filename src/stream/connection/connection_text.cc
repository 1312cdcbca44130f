#include "stream/connection/connection_text.h"

#include <algorithm>
#include <charconv>
#include <new>
#include <string>

namespace rondo::stream {

ConnectionText::ConnectionText(uint64_t id) {
  Append("connection ");
  char* const begin = text_.data() + length_;
  length_ += static_cast<size_t>(std::to_chars(begin, text_.end(), id).ptr - begin);
}

ConnectionText::ConnectionText(uint64_t id, const SocketAddress& peer) : ConnectionText(id) {
  std::string address;
  try {
    address = peer.ToString();
  } catch (const std::bad_alloc&) {
    return;
  }
  Append(" of ");
  Append(address);
}

void ConnectionText::Append(std::string_view more) {
  more = more.substr(0, text_.size() - length_);
  std::copy(more.begin(), more.end(), text_.begin() + static_cast<std::ptrdiff_t>(length_));
  length_ += more.size();
}

}  // namespace rondo::stream
