// The rules that keep the shape of the tree: sizes of folders, one place for casts, few users of a
// shared field, plain words.

#include <algorithm>
#include <cctype>
#include <regex>

#include "tests/tidy/rules.h"
#include "tests/tidy/tables.h"

namespace rondo::tidy {

namespace {

const Budget kFolderBudget = {1500, "lines", "split it by ideas", 200};
const Budget kPhraseBudget = {0, "unclear phrases in comments",
                              "say it with a subject and a verb (tables.cc lists the phrases)"};

std::string FolderOf(const std::string& path) {
  return path.substr(0, path.rfind('/'));
}

bool IsOfSrc(const Source& source) {
  return source.path.starts_with("src/");
}

// The comments in one line, so that a phrase is found that goes on in the next line.
std::string Flow(const std::vector<std::string>& comments) {
  std::string flow = " ";
  for (const std::string& line : comments) {
    for (const char c : line) {
      const bool blank = std::isspace(static_cast<unsigned char>(c)) || c == '/' || c == '#';
      if (!blank || flow.back() != ' ') flow += blank ? ' ' : c;
    }
    if (flow.back() != ' ') flow += ' ';
  }
  return flow;
}

// A group of a regular expression that matches any of `names`.
std::string AnyOf(const Names& names) {
  std::string words;
  for (const std::string& name : names) words += (words.empty() ? "" : "|") + name;
  return "(?:" + words + ")";
}

// The fields that the struct `name` declares, by the lines of its body.
Names FieldsOf(const Source& header, const std::string& name) {
  const std::regex field(R"((\w+)\s*(?:ABSL_\w+\([^)]*\)\s*)?(?:=[^;]*|\{[^;]*\})?;\s*$)");
  Names fields;
  int depth = 0;  // 1 in the body
  for (const std::string& line : header.code) {
    if (depth == 0 && !std::regex_search(line, std::regex("struct " + name + R"(\b[^;]*\{)"))) {
      continue;
    }
    const std::string plain = std::regex_replace(line, std::regex(R"(ABSL_\w+\([^)]*\))"), "");
    std::smatch match;
    const bool function = plain.find('(') < plain.find('=');
    const bool alias = plain.find("using ") != plain.npos;
    if (depth == 1 && !function && !alias && std::regex_search(line, match, field)) {
      fields.insert(match[1]);
    }
    depth += static_cast<int>(std::count(line.begin(), line.end(), '{') -
                              std::count(line.begin(), line.end(), '}'));
    if (depth == 0) break;
  }
  return fields;
}

bool Contains(const Source& source, const std::regex& pattern) {
  return std::any_of(source.code.begin(), source.code.end(),
                     [&](const std::string& line) { return std::regex_search(line, pattern); });
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

std::vector<std::string> ScriptComments(const std::string& text) {
  const std::regex comment(R"((?:^|\s)#(?!!)(.*))");
  std::vector<std::string> comments;
  for (const std::string& line : Scan("", text).lines) {
    std::smatch match;
    comments.push_back(std::regex_search(line, match, comment) ? match[1].str() : "");
  }
  return comments;
}

Problems PhraseProblems(const std::string& path, const std::vector<std::string>& comments,
                        const Ratchet& exceptions) {
  const std::regex phrase("\\b" + AnyOf(kUnclearPhrases) + "\\b", std::regex::icase);
  const std::string flow = Flow(comments);
  const auto count = std::distance(std::sregex_iterator(flow.begin(), flow.end(), phrase),
                                   std::sregex_iterator());
  return RatchetProblems("", path, static_cast<int>(count), kPhraseBudget, exceptions);
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

Problems FieldUseProblems(const std::vector<Source>& sources) {
  Problems problems;
  for (const FieldUse& use : kFieldUses) {
    const auto header = std::find_if(sources.begin(), sources.end(),
                                     [&](const Source& s) { return s.path == use.header; });
    if (header == sources.end()) continue;
    for (const std::string& field : FieldsOf(*header, use.name)) {
      const std::regex pattern("\\b" + AnyOf(use.variables) + R"((?:\.|->))" + field + "\\b");
      const auto files = std::count_if(sources.begin(), sources.end(), [&](const Source& source) {
        return IsOfSrc(source) && source.path != use.header && Contains(source, pattern);
      });
      if (files <= use.most_files) continue;
      problems.push_back(use.header + ": " + std::to_string(files) + " files use " + use.name +
                         "::" + field + ", " + std::to_string(use.most_files) +
                         " are allowed; give it an owner, and them a function");
    }
  }
  return problems;
}

}  // namespace rondo::tidy
