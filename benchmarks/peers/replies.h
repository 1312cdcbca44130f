// What a server answers when it does not echo: each request of so many bytes gets the fixed reply.
// Any thread, once constructed.
#ifndef RONDO_BENCHMARKS_PEERS_REPLIES_H_
#define RONDO_BENCHMARKS_PEERS_REPLIES_H_

#include <algorithm>
#include <string>
#include <string_view>

#include "benchmarks/load/reply.h"

namespace peers {

class Replies {
 public:
  // 0 and 0: there are none, it is an echo.
  Replies(size_t request_bytes, size_t reply_bytes)
      : request_bytes_(request_bytes), reply_(load::MakeReply(reply_bytes)), stream_(reply_) {
    while (reply_bytes > 0 && stream_.size() < kStreamBytes) stream_ += reply_;
  }

  bool echo() const { return request_bytes_ == 0; }
  std::string_view reply() const { return reply_; }

  // How many requests are complete, now that `received` more bytes have come on a connection;
  // `*begun` is what it has of the next one.
  size_t Due(size_t received, size_t* begun) const {
    *begun += received;
    const size_t due = *begun / request_bytes_;
    *begun %= request_bytes_;
    return due;
  }

  // The bytes to send next on a connection that is owed so many, the end of the last reply with
  // them: as many in one piece as there are.
  std::string_view Next(size_t owed) const {
    const size_t begin = (reply_.size() - owed % reply_.size()) % reply_.size();
    return {stream_.data() + begin, std::min(owed, stream_.size() - begin)};
  }

 private:
  static constexpr size_t kStreamBytes = 1 << 20;

  const size_t request_bytes_;
  const std::string reply_;
  std::string stream_;  // The reply over and over.
};

}  // namespace peers

#endif  // RONDO_BENCHMARKS_PEERS_REPLIES_H_
