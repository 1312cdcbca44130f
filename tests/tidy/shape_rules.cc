// The rules that keep the shape of the tree: sizes of folders.

#include "tests/tidy/rules.h"
#include "tests/tidy/tables.h"

namespace rondo::tidy {

namespace {

const Budget kFolderBudget = {1500, "lines", "split it by ideas", 200};

std::string FolderOf(const std::string& path) {
  return path.substr(0, path.rfind('/'));
}

bool IsOfSrc(const Source& source) {
  return source.path.starts_with("src/");
}

}  // namespace

Problems FolderSizeProblems(const std::vector<Source>& sources, const Ratchet& exceptions) {
  std::map<std::string, int> sizes;
  for (const Source& source : sources) {
    if (IsOfSrc(source)) sizes[FolderOf(source.path)] += static_cast<int>(source.lines.size());
  }
  Problems problems;
  Names folders;
  for (const auto& [folder, lines] : sizes) {
    folders.insert(folder);
    const Problems found = RatchetProblems("", folder, lines, kFolderBudget, exceptions);
    problems.insert(problems.end(), found.begin(), found.end());
  }
  const Problems gone = GoneProblems(folders, exceptions);
  problems.insert(problems.end(), gone.begin(), gone.end());
  return problems;
}

}  // namespace rondo::tidy
