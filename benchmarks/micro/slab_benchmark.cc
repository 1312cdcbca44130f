// The slab that connections live in: opening and closing one, and finding one by its slot, beside
// many.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <random>
#include <vector>

#include "base/slab.h"

namespace rondo::base {
namespace {

struct Owner {};

// As large as a connection, and never zero in its first word, by which the slab tells live objects.
struct Cell {
  static constexpr bool kFirstWordIsNeverZero = true;
  uint64_t first_word = 1;
  uint64_t rest[7] = {};
};

class Crowd {
 public:
  explicit Crowd(int64_t count) : slab(owner) {
    for (int64_t i = 0; i < count; ++i) cells.push_back(&slab.Create());
  }
  ~Crowd() {
    for (Cell* cell : cells) slab.Destroy(*cell);
  }

  Owner owner;
  Slab<Cell, Owner> slab;
  std::vector<Cell*> cells;
};

void BM_CreateAndDestroy(benchmark::State& state) {
  Crowd crowd(state.range(0));
  for (auto _ : state) {
    Cell& cell = crowd.slab.Create();
    benchmark::DoNotOptimize(&cell);
    crowd.slab.Destroy(cell);
  }
}
BENCHMARK(BM_CreateAndDestroy)->Arg(1)->Arg(1000000);

// Slots in random order, so that the figure includes cache misses.
void BM_FindBySlot(benchmark::State& state) {
  Crowd crowd(state.range(0));
  std::minstd_rand random(1);
  std::vector<uint32_t> slots;
  for (int i = 0; i < 4096; ++i) {
    slots.push_back(Slab<Cell, Owner>::SlotOf(*crowd.cells[random() % crowd.cells.size()]));
  }
  size_t next = 0;
  for (auto _ : state) benchmark::DoNotOptimize(crowd.slab.At(slots[next++ % slots.size()]));
}
BENCHMARK(BM_FindBySlot)->Arg(64)->Arg(1000000);

}  // namespace
}  // namespace rondo::base
