#include "stream/time/output_progress.h"

#include <utility>

#include "stream/connection/stream_connection.h"

namespace rondo::stream {

bool OutputProgress::Look(const StreamConnection& connection) {
  const size_t now = connection.entry().transport.Unacknowledged(connection.socket,
                                                                 connection.state.IsFinSent());
  return now != std::exchange(unacknowledged_, now);
}

}  // namespace rondo::stream
