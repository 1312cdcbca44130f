#include "base/slab.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <new>
#include <random>
#include <set>
#include <vector>

#include "gtest/gtest.h"

namespace rondo::base {
namespace {

struct Owner {};

// As large as a connection; counts its kind.
struct Object {
  static constexpr bool kFirstWordIsNeverZero = true;

  explicit Object(uint32_t generation) : generation(generation) { ++living; }
  ~Object() { --living; }

  int32_t socket = 0;
  uint32_t generation;
  char rest[56] = {};

  static inline int living = 0;
};
static_assert(sizeof(Object) == 64);

using ObjectSlab = Slab<Object, Owner>;
// The header takes one.
constexpr size_t kInChunk = ObjectSlab::kCells - 1;

class SlabTest : public ::testing::Test {
 protected:
  ~SlabTest() override {
    DestroyAll();
    EXPECT_EQ(Object::living, 0);
  }

  std::vector<Object*> Create(size_t count) {
    std::vector<Object*> objects;
    for (size_t i = 0; i < count; ++i) objects.push_back(&slab_.Create(++generation_));
    return objects;
  }
  void DestroyAll() {
    slab_.ForEach([this](Object& object) { slab_.Destroy(object); });
  }

  // As a loop does it: 0 where there is no object.
  uint32_t GenerationAt(uint32_t slot) {
    const Object* object = slab_.At(slot);
    return object == nullptr ? 0 : object->generation;
  }

  Owner owner_;
  ObjectSlab slab_{owner_};
  uint32_t generation_ = 0;
};

TEST_F(SlabTest, AnObjectIsFoundBySlotUntilItIsDestroyed) {
  Object& object = slab_.Create(7u);
  const uint32_t slot = ObjectSlab::SlotOf(object);
  EXPECT_EQ(slab_.At(slot), &object);
  EXPECT_EQ(GenerationAt(slot), 7u);
  slab_.Destroy(object);
  EXPECT_EQ(GenerationAt(slot), 0u);
  EXPECT_EQ(slab_.size(), 0u);
}

TEST_F(SlabTest, ASlotThatIsUsedAgainShowsTheNewGeneration) {
  Object& first = slab_.Create(1u);
  const uint32_t slot = ObjectSlab::SlotOf(first);
  slab_.Destroy(first);
  const Object& second = slab_.Create(2u);
  EXPECT_EQ(ObjectSlab::SlotOf(second), slot);
  EXPECT_EQ(GenerationAt(slot), 2u);
}

TEST_F(SlabTest, AnObjectLeadsToTheOwnerOfItsSlab) {
  Owner other_owner;
  ObjectSlab other(other_owner);
  Object& ours = slab_.Create(1u);
  Object& theirs = other.Create(1u);
  EXPECT_EQ(&ObjectSlab::OwnerOf(ours), &owner_);
  EXPECT_EQ(&ObjectSlab::OwnerOf(theirs), &other_owner);
  other.Destroy(theirs);
}

TEST_F(SlabTest, ObjectsAreAlignedToTheCacheLinesTheyFill) {
  for (const Object* object : Create(3000)) {
    EXPECT_EQ(reinterpret_cast<uintptr_t>(object) % sizeof(Object), 0u);
  }
}

TEST_F(SlabTest, SeventyThousandObjectsHaveSlotsOfTheirOwnAndCostLittleMoreThanThemselves) {
  const std::vector<Object*> objects = Create(70'000);
  std::set<uint32_t> slots;
  for (Object* object : objects) {
    const uint32_t slot = ObjectSlab::SlotOf(*object);
    slots.insert(slot);
    ASSERT_EQ(slab_.At(slot), object);
    ASSERT_EQ(&ObjectSlab::OwnerOf(*object), &owner_);
  }
  EXPECT_EQ(slots.size(), objects.size());
  EXPECT_EQ(slab_.size(), objects.size());
  EXPECT_EQ(Object::living, 70'000);
  EXPECT_LT(slab_.allocated_bytes(), 70'000 * sizeof(Object) + 2 * ObjectSlab::kChunkBytes);
  DestroyAll();
  EXPECT_EQ(slab_.size(), 0u);
  EXPECT_EQ(slab_.allocated_bytes(), ObjectSlab::kChunkBytes);
}

TEST_F(SlabTest, AChunkThatHasBecomeEmptyIsGivenBackAndItsSlotsWithIt) {
  const std::vector<Object*> objects = Create(3 * kInChunk);
  EXPECT_EQ(slab_.allocated_bytes(), 3 * ObjectSlab::kChunkBytes);
  const uint32_t first_of_second = ObjectSlab::SlotOf(*objects[kInChunk]);
  // One with room elsewhere, so that the second chunk is not the only one.
  slab_.Destroy(*objects[0]);
  for (size_t i = kInChunk; i < 2 * kInChunk; ++i) slab_.Destroy(*objects[i]);
  EXPECT_EQ(slab_.allocated_bytes(), 2 * ObjectSlab::kChunkBytes);
  EXPECT_EQ(slab_.At(first_of_second), nullptr);
  EXPECT_EQ(slab_.At(ObjectSlab::SlotOf(*objects[2 * kInChunk])), objects[2 * kInChunk]);
}

TEST_F(SlabTest, TheOnlyChunkWithRoomStaysSoThatComingAndGoingAllocatesNothing) {
  Create(kInChunk);
  slab_.Destroy(slab_.Create(++generation_));
  EXPECT_EQ(slab_.allocated_bytes(), 2 * ObjectSlab::kChunkBytes);
  for (int i = 0; i < 3; ++i) slab_.Destroy(*Create(1)[0]);
  EXPECT_EQ(slab_.allocated_bytes(), 2 * ObjectSlab::kChunkBytes);
}

TEST_F(SlabTest, APlaceThatBecomesFreeInAFullChunkIsUsedAgain) {
  const std::vector<Object*> objects = Create(3 * kInChunk);
  for (const size_t gone : {size_t{5}, kInChunk + 5, 2 * kInChunk + 5}) {
    slab_.Destroy(*objects[gone]);
  }
  Create(3);
  EXPECT_EQ(slab_.allocated_bytes(), 3 * ObjectSlab::kChunkBytes);
}

TEST_F(SlabTest, TheNumbersOfChunksThatWentAreGivenAgain) {
  for (int round = 0; round < 5; ++round) {
    uint32_t highest = 0;
    for (Object* object : Create(5 * kInChunk)) {
      highest = std::max(highest, ObjectSlab::SlotOf(*object));
    }
    EXPECT_LT(highest, 6 * ObjectSlab::kCells);
    DestroyAll();
  }
}

TEST_F(SlabTest, IterationVisitsEachObjectOnce) {
  std::vector<Object*> objects = Create(2500);
  std::vector<Object*> visited;
  slab_.ForEach([&](Object& object) { visited.push_back(&object); });
  std::sort(objects.begin(), objects.end());
  std::sort(visited.begin(), visited.end());
  EXPECT_EQ(visited, objects);
}

TEST_F(SlabTest, IterationGoesOnWhenTheChunkUnderItIsGivenBack) {
  Create(3 * kInChunk);
  size_t visited = 0;
  slab_.ForEach([&](Object& object) {
    ++visited;
    slab_.Destroy(object);
  });
  EXPECT_EQ(visited, 3 * kInChunk);
  EXPECT_EQ(slab_.size(), 0u);
}

TEST_F(SlabTest, IterationDoesNotVisitWhatItsFirstVisitDestroyed) {
  const std::vector<Object*> objects = Create(2 * kInChunk);
  size_t visited = 0;
  slab_.ForEach([&](Object& object) {
    if (++visited > 1) return;
    for (Object* other : objects) {
      if (other != &object) slab_.Destroy(*other);
    }
  });
  EXPECT_EQ(visited, 1u);
  EXPECT_EQ(slab_.size(), 1u);
}

TEST_F(SlabTest, IterationMayCreate) {
  Create(10);
  size_t visited = 0;
  slab_.ForEach([&](Object&) {
    if (++visited <= 10) Create(1);
  });
  EXPECT_GE(visited, 10u);
  EXPECT_EQ(slab_.size(), 20u);
}

TEST_F(SlabTest, BehavesAsAMapUnderRandomComingAndGoing) {
  std::mt19937 random(1);
  std::map<uint32_t, uint32_t> model;  // slot to generation
  std::vector<uint32_t> slots, ever_used;
  for (int step = 0; step < 200'000; ++step) {
    // Long phases of growing and shrinking, over several chunks.
    const bool growing = step / 20'000 % 2 == 0;
    if (slots.empty() || random() % 10 < (growing ? 6u : 4u)) {
      const Object& object = slab_.Create(++generation_);
      const uint32_t slot = ObjectSlab::SlotOf(object);
      ASSERT_TRUE(model.emplace(slot, generation_).second);
      slots.push_back(slot);
      ever_used.push_back(slot);
    } else {
      std::swap(slots[random() % slots.size()], slots.back());
      slab_.Destroy(*slab_.At(slots.back()));
      model.erase(slots.back());
      slots.pop_back();
    }
    // Of any slot that has ever been in use.
    const uint32_t slot = ever_used[random() % ever_used.size()];
    const auto expected = model.find(slot);
    ASSERT_EQ(GenerationAt(slot), expected == model.end() ? 0 : expected->second);
    ASSERT_EQ(slab_.size(), model.size());
  }
}

// Throws when it is told to.
struct Refusing : Object {
  explicit Refusing(uint32_t generation) : Object(generation) {
    if (generation == 13) throw std::bad_alloc();
  }
};

TEST(SlabFailureTest, AConstructorThatThrowsLeavesTheSlabAsItWas) {
  Owner owner;
  using RefusingSlab = Slab<Refusing, Owner>;
  RefusingSlab slab(owner);
  EXPECT_THROW(slab.Create(13u), std::bad_alloc);
  EXPECT_EQ(slab.size(), 0u);
  Refusing& first = slab.Create(1u);
  const uint32_t slot = RefusingSlab::SlotOf(first);
  EXPECT_THROW(slab.Create(13u), std::bad_alloc);
  Refusing& second = slab.Create(2u);
  EXPECT_EQ(RefusingSlab::SlotOf(second), slot + 1);
  size_t visited = 0;
  slab.ForEach([&](Refusing& object) {
    ++visited;
    slab.Destroy(object);
  });
  EXPECT_EQ(visited, 2u);
}

TEST(SlabDeathTest, ASlabIsNotDestroyedBeforeItsObjects) {
  EXPECT_DEATH(
      {
        Owner owner;
        ObjectSlab slab(owner);
        slab.Create(1u);
      },
      "rondo is broken: size_ == 0");
}

}  // namespace
}  // namespace rondo::base
