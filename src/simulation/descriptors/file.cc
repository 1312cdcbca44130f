#include "simulation/descriptors/file.h"

#include <utility>

namespace rondo::simulation {

File::~File() {
  for (Watcher* const watcher : std::exchange(watchers_, {})) watcher->Abandon();
}

}  // namespace rondo::simulation
