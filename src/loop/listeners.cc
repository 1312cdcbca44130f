#include "loop/listeners.h"

#include <utility>

#include "absl/strings/str_cat.h"

#include "base/status.h"

namespace rondo::loop {

absl::Status Listeners::Add(net::Listener listener, int backlog,
                            stream::Acceptor::Deliver deliver) {
  const auto index = static_cast<uint32_t>(acceptors_.size());
  auto acceptor = std::make_unique<stream::Acceptor>(std::move(listener), index, backlog,
                                                     services_, std::move(deliver));
  if (const int result = acceptor->Start(); result < 0) {
    return base::ErrnoStatus(-result, absl::StrCat("watching ", acceptor->address().ToString()),
                             base::CureOfShortage(-result));
  }
  acceptors_.push_back(std::move(acceptor));
  return absl::OkStatus();
}

}  // namespace rondo::loop
