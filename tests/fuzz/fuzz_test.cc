// Every fuzz target, for a moment and always the same way: the corpus as it is, then a fixed number
// of mutations of it.

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "tests/fuzz/targets.h"

namespace rondo::fuzz {
namespace {

constexpr int kMutations = 20000;

std::vector<std::string> Corpus(std::string_view target) {
  const auto folder = std::filesystem::path(RONDO_SOURCE_ROOT) / "tests/fuzz/corpus" / target;
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  std::vector<std::string> corpus;
  for (const std::filesystem::path& path : paths) {
    std::ifstream file(path, std::ios::binary);
    corpus.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  return corpus;
}

class Mutator {
 public:
  explicit Mutator(std::vector<std::string> corpus) : corpus_(std::move(corpus)) {}

  std::string Next() {
    std::string data = Any();
    for (size_t i = 1 + Below(4); i > 0; --i) Mutate(data);
    return data;
  }

 private:
  size_t Below(size_t limit) { return limit == 0 ? 0 : random_() % limit; }
  const std::string& Any() { return corpus_[Below(corpus_.size())]; }

  void Mutate(std::string& data) {
    static constexpr std::string_view kMarks("\n\r;-\"\\{}[], \0\1\2\xff\x7f\x80", 19);
    const size_t at = Below(data.size() + 1);
    switch (Below(6)) {
      case 0:
        data.insert(at, 1, static_cast<char>(random_()));
        break;
      case 1:
        data.insert(at, 1 + Below(3), kMarks[Below(kMarks.size())]);
        break;
      case 2:
        data.erase(at, 1 + Below(8));
        break;
      case 3:
        if (at < data.size()) data[at] = static_cast<char>(data[at] ^ (1 << Below(8)));
        break;
      case 4:
        data.insert(at, std::string(data, Below(data.size() + 1), 1 + Below(32)));
        break;
      case 5:
        data.insert(at, Any().substr(0, 200));
        break;
    }
  }

  std::vector<std::string> corpus_;
  std::mt19937_64 random_{20240229};
};

class FuzzTest : public ::testing::TestWithParam<Target> {};

TEST_P(FuzzTest, FindsNothingInTheCorpus) {
  const std::vector<std::string> corpus = Corpus(GetParam().name);
  ASSERT_FALSE(corpus.empty());
  for (const std::string& data : corpus) GetParam().run(data);
}

TEST_P(FuzzTest, FindsNothingInMutationsOfTheCorpus) {
  std::vector<std::string> corpus = Corpus(GetParam().name);
  ASSERT_FALSE(corpus.empty());
  Mutator mutator(std::move(corpus));
  for (int i = 0; i < kMutations; ++i) GetParam().run(mutator.Next());
}

INSTANTIATE_TEST_SUITE_P(Codecs, FuzzTest, ::testing::ValuesIn(Targets().begin(), Targets().end()),
                         [](const auto& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace rondo::fuzz
