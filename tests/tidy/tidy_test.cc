// Reads the whole tree and holds it to the rules of rules.h.

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/tidy/rules.h"
#include "tests/tidy/scanner.h"

namespace rondo::tidy {
namespace {

namespace fs = std::filesystem;

// Every text file of the tree, by its path from the root.
struct Tree {
  std::map<std::string, std::string> texts;
  std::map<std::string, std::string> meson_files;
  std::vector<Source> sources;  // C++
  std::vector<Source> scripts;  // Python
  std::set<std::string> top_level;
};

// What lies in the root without being part of the tree (.gitignore), or is made by a tool.
const std::set<std::string> kNotOurs = {".git",        "build",  "results",
                                        "__pycache__", ".cache", "compile_commands.json"};

bool IsText(const fs::path& path) {
  const std::set<std::string> endings = {".cc", ".h", ".build", ".txt", ".md", ".py", ".sh"};
  return endings.contains(path.extension().string()) || path.filename() == "run";
}

Tree ReadTree(const fs::path& root) {
  Tree tree;
  for (const auto& entry : fs::directory_iterator(root)) {
    const std::string name = entry.path().filename().string();
    if (!kNotOurs.contains(name) && !name.ends_with(".swp")) tree.top_level.insert(name);
  }
  for (auto entry = fs::recursive_directory_iterator(root); entry != fs::end(entry); ++entry) {
    if (kNotOurs.contains(entry->path().filename().string())) {
      entry.disable_recursion_pending();
    } else if (entry->is_regular_file() && IsText(entry->path())) {
      std::ostringstream text;
      text << std::ifstream(entry->path()).rdbuf();
      tree.texts[entry->path().lexically_relative(root).generic_string()] = text.str();
    }
  }
  for (const auto& [path, text] : tree.texts) {
    if (path.ends_with(".cc") || path.ends_with(".h")) tree.sources.push_back(Scan(path, text));
    if (path.ends_with(".py")) tree.scripts.push_back(Scan(path, text));
    if (path.ends_with("meson.build")) tree.meson_files[path] = text;
  }
  return tree;
}

const Tree& ThisTree() {
  static const Tree tree = ReadTree(RONDO_SOURCE_ROOT);
  return tree;
}

void Report(const Problems& problems) {
  for (const std::string& problem : problems) ADD_FAILURE() << problem;
}

template <class Rule>
void HoldEverySourceTo(Rule rule) {
  for (const Source& source : ThisTree().sources) Report(rule(source));
}

TEST(TidyTest, TheTreeIsRead) {
  EXPECT_TRUE(ThisTree().texts.contains("include/rondo/rondo.h"));
  EXPECT_TRUE(ThisTree().texts.contains("tests/run"));
  EXPECT_FALSE(ThisTree().sources.empty());
}

TEST(TidyTest, LayersIncludeOnlyWhatIsBelowThem) {
  HoldEverySourceTo(LayerProblems);
}

TEST(TidyTest, IncludesFormNoCycle) {
  Report(CycleProblems(ThisTree().sources));
}

TEST(TidyTest, OnlySysCallsTheKernel) {
  HoldEverySourceTo(KernelCallProblems);
}

TEST(TidyTest, OnlySysIncludesHeadersOfTheKernel) {
  HoldEverySourceTo(SystemHeaderProblems);
}

TEST(TidyTest, TheLibraryNeverExitsPrintsOrReadsTheEnvironment) {
  HoldEverySourceTo(BannedWordProblems);
}

TEST(TidyTest, TheLibraryNeedsNoRtti) {
  HoldEverySourceTo(RttiProblems);
}

TEST(TidyTest, OnlySysHasThreadsWaitsAndClocks) {
  HoldEverySourceTo(ThreadProblems);
}

TEST(TidyTest, TestsDoNotSleep) {
  HoldEverySourceTo(SleepProblems);
  for (const Source& script : ThisTree().scripts) Report(SleepProblems(script));
}

TEST(TidyTest, PlatformsAreFilesAndNotBranches) {
  HoldEverySourceTo(ConditionalProblems);
}

TEST(TidyTest, HeadersOpenWithAParagraphAndHaveTheirGuard) {
  HoldEverySourceTo(HeaderProblems);
}

TEST(TidyTest, FunctionsFitAScreen) {
  HoldEverySourceTo([](const Source& s) { return FunctionSizeProblems(s, kLongFunctions); });
  Report(StaleProblems(ThisTree().sources, kLongFunctions));
}

TEST(TidyTest, FilesHoldOneIdea) {
  HoldEverySourceTo([](const Source& s) { return FileSizeProblems(s, kLongFiles); });
  Report(StaleProblems(ThisTree().sources, kLongFiles));
}

TEST(TidyTest, FoldersHoldOneIdea) {
  Report(FolderSizeProblems(ThisTree().sources, kLargeFolders));
}

TEST(TidyTest, CommentsArePlain) {
  std::set<std::string> paths;
  for (const Source& source : ThisTree().sources) {
    paths.insert(source.path);
    Report(PhraseProblems(source.path, source.comments, kUnclearPhrasesGranted));
  }
  for (const auto& [path, text] : ThisTree().texts) {
    if (!path.ends_with(".py") && !path.ends_with(".sh") && !path.ends_with("run")) continue;
    paths.insert(path);
    Report(PhraseProblems(path, ScriptComments(text), kUnclearPhrasesGranted));
  }
  Report(GoneProblems(paths, kUnclearPhrasesGranted));
}

TEST(TidyTest, EndpointsAreCastInOnePlace) {
  Report(CastProblems(ThisTree().sources, kCastsGranted));
}

TEST(TidyTest, FewFilesShareAField) {
  Report(FieldUseProblems(ThisTree().sources));
}

TEST(TidyTest, NothingIsLeftUnfinishedWithoutAReason) {
  HoldEverySourceTo([](const Source& s) { return UnfinishedProblems(s.path, s.comments); });
}

TEST(TidyTest, LinesAreShortAndClean) {
  for (const auto& [path, text] : ThisTree().texts) Report(LayoutProblems(path, text));
}

TEST(TidyTest, EveryFileIsBuilt) {
  Report(BuildProblems(ThisTree().sources, ThisTree().meson_files));
}

TEST(TidyTest, RondoHIncludesEveryPublicHeader) {
  Report(PublicHeaderProblems(ThisTree().sources));
}

TEST(TidyTest, EverySystemHasEveryKernelCall) {
  Report(SystemProblems(ThisTree().sources));
}

TEST(TidyTest, TheTopLevelHoldsFewNames) {
  Report(TopLevelProblems(ThisTree().top_level));
}

}  // namespace
}  // namespace rondo::tidy
