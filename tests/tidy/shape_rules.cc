// The rules that keep the shape of the tree: sizes of folders, one place for casts.

#include <regex>

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

// A group of a regular expression that matches any of `names`.
std::string AnyOf(const Names& names) {
  std::string words;
  for (const std::string& name : names) words += (words.empty() ? "" : "|") + name;
  return "(?:" + words + ")";
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

Problems CastProblems(const std::vector<Source>& sources, const Grants& granted) {
  const std::regex cast(R"(static_cast<\s*(?:const\s+)?(?:\w*::)*()" + AnyOf(kEndpointTypes) +
                        R"()(?:\s+const)?\s*&\s*>)");
  Problems problems;
  Grants used;
  for (const Source& source : sources) {
    if (!IsOfSrc(source) || source.path == "src/poll/endpoint.h") continue;
    for (size_t n = 0; n < source.code.size(); ++n) {
      std::smatch match;
      if (!std::regex_search(source.code[n], match, cast)) continue;
      used.insert({source.path, match[1]});
      if (granted.contains({source.path, match[1]})) continue;
      problems.push_back(At(source.path, static_cast<int>(n) + 1) + match[0].str() +
                         ": only src/poll/endpoint.h casts, where the kind is checked");
    }
  }
  for (const auto& [path, type] : granted) {
    if (used.contains({path, type})) continue;
    problems.push_back(path + " does not cast to " + type + "& any more; take it off the list");
  }
  return problems;
}

}  // namespace rondo::tidy
