#include "simulation/descriptors/file.h"

#include <utility>

namespace rondo::simulation {

File::~File() {
  for (Watcher* const watcher : std::exchange(watchers_, {})) watcher->Abandon();
}

void File::NumberClosed(int fd) {
  // Those that it concerns leave.
  for (Watcher* const watcher : std::vector(watchers_)) watcher->NumberClosed(fd);
}

}  // namespace rondo::simulation
