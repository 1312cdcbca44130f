#include "tests/tidy/rules.h"

#include <algorithm>
#include <cctype>

#include "tests/tidy/tables.h"

namespace rondo::tidy {

namespace {

const Budget kFunctionBudget = {60, "lines", "split it by ideas"};
const Budget kFileBudget = {400, "lines", "split it by ideas"};
constexpr size_t kColumns = 100;

// Names the function of the C library or the kernel, and not one of ours that is called alike.
bool IsGlobal(const Word& word) {
  return !word.member &&
         (word.name == LastPart(word.name) || word.name == "::" + LastPart(word.name) ||
          word.name == "std::" + LastPart(word.name));
}

// The last heading ("// --- ...") before the line says so.
bool IsForLinuxAlone(const Source& source, int line) {
  const auto says = [&](const char* text) {
    return source.comments[static_cast<size_t>(line - 1)].find(text) != std::string::npos;
  };
  while (line > 1 && !says("---")) --line;
  return says("---") && says("on Linux");
}

std::string GuardOf(const std::string& path) {
  std::string guard = path;
  for (const std::string root : {"include/rondo/", "src/"}) {
    if (guard.starts_with(root)) guard.erase(0, root.size());
  }
  for (char& c : guard) {
    c = std::isalnum(static_cast<unsigned char>(c))
            ? static_cast<char>(std::toupper(static_cast<unsigned char>(c)))
            : '_';
  }
  return "RONDO_" + guard + "_";
}

size_t Columns(const std::string& line) {
  return std::count_if(line.begin(), line.end(), [](char c) { return (c & 0xC0) != 0x80; });
}

}  // namespace

std::string LayerOf(const std::string& path) {
  const size_t slash = path.find('/');
  if (slash == path.npos) return "";
  const std::string top = path.substr(0, slash);
  return top == "src" ? LayerOf(path.substr(slash + 1)) : top;
}

bool InLibrary(const std::string& path) {
  const std::string top = path.substr(0, path.find('/'));
  return top == "src" || top == "include" || top == "codecs" || top == "loadbalance";
}

std::string PathOfInclude(const std::string& from, const std::string& name) {
  const std::string first = name.substr(0, name.find('/'));
  if (first == name) return from.substr(0, from.rfind('/') + 1) + name;
  if (first == "rondo") return "include/" + name;
  if (kTopLevel.contains(first)) return name;
  if (kForeign.contains(first)) return "";
  // Programs include their own files from their top folder: "support/serve.h".
  return (kMayInclude.contains(first) ? "src" : from.substr(0, from.find('/'))) + "/" + name;
}

Problems LayerProblems(const Source& source) {
  const std::string layer = LayerOf(source.path);
  const auto allowed = kMayInclude.find(layer);
  if (allowed == kMayInclude.end()) return {};
  Problems problems;
  for (const Include& include : Includes(source)) {
    const std::string path = PathOfInclude(source.path, include.name);
    if (path.empty() || (!include.quoted && !include.name.starts_with("rondo/"))) continue;
    const std::string target = LayerOf(path);
    if (target == layer || allowed->second.contains(target)) continue;
    problems.push_back(At(source.path, include.line) + layer + " may not include " + path +
                       "; move what it wants down, or the wish up");
  }
  return problems;
}

Problems KernelCallProblems(const Source& source) {
  if (!InLibrary(source.path) || LayerOf(source.path) == "sys") return {};
  Problems problems;
  for (const Word& word : Words(source)) {
    if (!word.called || word.declared || !IsGlobal(word) || word.name.starts_with("std::"))
      continue;
    if (!kKernelCalls.contains(LastPart(word.name))) continue;
    if (kKernelCallsGranted.contains({source.path, word.name})) continue;
    problems.push_back(At(source.path, word.line) + word.name +
                       "() calls the kernel; only src/sys does, where tests can make it fail");
  }
  return problems;
}

Problems SystemHeaderProblems(const Source& source) {
  if (!InLibrary(source.path) || LayerOf(source.path) == "sys") return {};
  const auto allowed = kSystemHeaders.find(LayerOf(source.path));
  Problems problems;
  for (const Include& include : Includes(source)) {
    if (include.quoted || !include.name.ends_with(".h")) continue;
    if (allowed != kSystemHeaders.end() && allowed->second.contains(include.name)) continue;
    problems.push_back(At(source.path, include.line) + "<" + include.name +
                       "> is the kernel's or C's; use src/sys, or the C++ header");
  }
  return problems;
}

Problems BannedWordProblems(const Source& source) {
  if (!InLibrary(source.path)) return {};
  Problems problems;
  for (const Word& word : Words(source)) {
    const std::string last = LastPart(word.name);
    if (!IsGlobal(word) || word.declared || !kBannedWords.contains(last)) continue;
    if (!word.called && !word.name.starts_with("std::")) continue;
    if (kBannedWordsGranted.contains({source.path, word.name})) continue;
    problems.push_back(At(source.path, word.line) + word.name +
                       ": the library never exits, prints, reads the environment or touches "
                       "signals; return a Status");
  }
  return problems;
}

Problems RttiProblems(const Source& source) {
  if (!InLibrary(source.path) && LayerOf(source.path) != "examples") return {};
  Problems problems;
  for (const Word& word : Words(source)) {
    if (word.name != "typeid" && word.name != "dynamic_cast") continue;
    problems.push_back(At(source.path, word.line) + word.name + ": Rondo compiles with -fno-rtti");
  }
  return problems;
}

Problems ThreadProblems(const Source& source) {
  if (!InLibrary(source.path) || LayerOf(source.path) == "sys") return {};
  Problems problems;
  for (const Word& word : Words(source)) {
    const std::string name = word.name.starts_with("::") ? word.name.substr(2) : word.name;
    const bool banned = std::any_of(kThreads.begin(), kThreads.end(), [&](const auto& each) {
      return name == each || name.starts_with(each + "::");
    });
    if (!banned || word.member) continue;
    problems.push_back(At(source.path, word.line) + word.name +
                       ": threads, waiting, clocks and chance are src/sys's, so that a simulated "
                       "kernel can stand in for them");
  }
  return problems;
}

Problems SleepProblems(const Source& source) {
  if (!source.path.starts_with("tests/")) return {};
  Problems problems;
  for (const Word& word : Words(source)) {
    if (!word.called || !kSleeps.contains(LastPart(word.name))) continue;
    problems.push_back(At(source.path, word.line) + word.name +
                       ": tests do not sleep; wait for the event itself");
  }
  return problems;
}

Problems ConditionalProblems(const Source& source) {
  if (!InLibrary(source.path)) return {};
  Problems problems;
  for (const Directive& directive : Directives(source)) {
    const std::string& text = directive.text;
    if (!text.starts_with("#if") && !text.starts_with("#elif")) continue;
    if (text == "#ifndef " + GuardOf(source.path)) continue;
    if (kConditionals.contains({source.path, text})) continue;
    problems.push_back(At(source.path, directive.line) + text +
                       ": platforms are files, not branches; let Meson choose one");
  }
  return problems;
}

Problems HeaderProblems(const Source& source) {
  if (!source.path.ends_with(".h")) return {};
  Problems problems;
  size_t prose = 0;
  while (prose < source.lines.size() && source.lines[prose].starts_with("//")) ++prose;
  const bool sentence = std::any_of(source.lines.begin(), source.lines.begin() + prose,
                                    [](const std::string& l) { return l.find('.') != l.npos; });
  if (!sentence) {
    problems.push_back(At(source.path, 1) +
                       "a header opens with a paragraph: what it is, who owns "
                       "it, which thread may touch it, how it ends");
  }
  const std::string guard = GuardOf(source.path);
  std::vector<std::string> directives;
  for (const Directive& directive : Directives(source)) directives.push_back(directive.text);
  if (directives.size() < 3 || directives[0] != "#ifndef " + guard ||
      directives[1] != "#define " + guard || source.lines.back() != "#endif  // " + guard) {
    problems.push_back(At(source.path, 1) + "its include guard must be " + guard +
                       ", and its last line `#endif  // " + guard + "`");
  }
  return problems;
}

Problems FunctionSizeProblems(const Source& source, const Ratchet& exceptions) {
  Problems problems;
  for (const Function& function : Functions(source)) {
    const Problems found =
        RatchetProblems(At(source.path, function.line), source.path + ":" + function.name,
                        function.lines, kFunctionBudget, exceptions);
    problems.insert(problems.end(), found.begin(), found.end());
  }
  return problems;
}

Problems FileSizeProblems(const Source& source, const Ratchet& exceptions) {
  return RatchetProblems(At(source.path, 1), source.path, static_cast<int>(source.lines.size()),
                         kFileBudget, exceptions);
}

Problems UnfinishedProblems(const std::string& path, const std::vector<std::string>& remarks) {
  Problems problems;
  for (size_t n = 0; n < remarks.size(); ++n) {
    for (const std::string word : {"FIXME", "XXX", "TODO"}) {
      const size_t at = remarks[n].find(word);
      if (at == remarks[n].npos || remarks[n].find("XXXX") != remarks[n].npos) continue;
      const std::string reason = remarks[n].substr(at + word.size());
      if (word == "TODO" && reason.starts_with(": ") &&
          std::count(reason.begin() + 2, reason.end(), ' ') > 1) {
        continue;
      }
      problems.push_back(At(path, static_cast<int>(n) + 1) + word +
                         ": do it now, or write `TODO: ` and why not, in a sentence");
    }
  }
  return problems;
}

Problems LayoutProblems(const std::string& path, const std::string& text) {
  Problems problems;
  int number = 0;
  for (const std::string& line : Scan(path, text).lines) {
    ++number;
    const auto complain = [&](const std::string& what) {
      problems.push_back(At(path, number) + what);
    };
    if (line.find('\t') != line.npos) complain("a tab; use blanks");
    if (line.ends_with(' ') || line.ends_with('\r')) complain("blanks at its end; remove them");
    const bool table = path.ends_with(".md") && line.starts_with('|');
    if (Columns(line) > kColumns && !table) {
      complain(std::to_string(Columns(line)) + " columns, 100 are allowed; break the line");
    }
  }
  if (!text.empty() && !text.ends_with('\n')) {
    problems.push_back(At(path, number) + "no newline at the end of the file");
  }
  return problems;
}

Problems StaleProblems(const std::vector<Source>& sources, const Ratchet& exceptions) {
  Names names;
  for (const Source& source : sources) {
    names.insert(source.path);
    for (const Function& function : Functions(source)) {
      names.insert(source.path + ":" + function.name);
    }
  }
  return GoneProblems(names, exceptions);
}

Problems CycleProblems(const std::vector<Source>& sources) {
  Graph files, folders;
  for (const Source& source : sources) {
    for (const Include& include : Includes(source)) {
      const std::string path = PathOfInclude(source.path, include.name);
      if (path.empty() || !include.quoted) continue;
      files[source.path].insert(path);
      const std::string from = LayerOf(source.path), to = LayerOf(path);
      if (from != to) folders[from].insert(to);
    }
  }
  Problems problems;
  for (const Graph& graph : {files, folders}) {
    std::string circle;
    for (const std::string& node : FindCycle(graph))
      circle += (circle.empty() ? "" : " -> ") + node;
    if (!circle.empty()) problems.push_back(circle + ": a cycle of includes; cut it by direction");
  }
  return problems;
}

Problems BuildProblems(const std::vector<Source>& sources,
                       const std::map<std::string, std::string>& meson_files) {
  Names included;
  for (const Source& source : sources) {
    for (const Include& include : Includes(source)) {
      included.insert(PathOfInclude(source.path, include.name));
    }
  }
  Problems problems;
  for (const Source& source : sources) {
    const auto names_it = [&](const auto& meson_file) {
      const auto& [path, text] = meson_file;
      const std::string folder = path.substr(0, path.rfind('/') + 1);
      if (!source.path.starts_with(folder)) return false;
      const std::string name = source.path.substr(folder.size());
      // In full, or as in `foreach name : ['echo', 'hello'] ... name + '.cc'`.
      return text.find("'" + name + "'") != text.npos ||
             (name.ends_with(".cc") && text.find("+ '.cc'") != text.npos &&
              text.find("'" + name.substr(0, name.size() - 3) + "'") != text.npos);
    };
    if (std::any_of(meson_files.begin(), meson_files.end(), names_it)) continue;
    // A private header is built by the files that include it.
    const bool header = source.path.ends_with(".h");
    if (header && LayerOf(source.path) != "include" && included.contains(source.path)) continue;
    problems.push_back(At(source.path, 1) + "no meson.build names it" +
                       (header ? ", and nothing includes it" : "") + "; add or delete it");
  }
  return problems;
}

Problems PublicHeaderProblems(const std::vector<Source>& sources) {
  std::map<std::string, Names> included;
  for (const Source& source : sources) {
    for (const Include& include : Includes(source)) {
      included[source.path].insert(PathOfInclude(source.path, include.name));
    }
  }
  const std::string all = "include/rondo/rondo.h";
  Problems problems;
  for (const Source& source : sources) {
    if (!source.path.starts_with("include/") || source.path == all) continue;
    // codecs.h lists the headers in codecs/.
    const std::string folder = source.path.substr(0, source.path.rfind('/'));
    const std::string list = folder == "include/rondo" ? all : folder + ".h";
    if (included[list].contains(source.path)) continue;
    problems.push_back(At(source.path, 1) + list + " does not include it; rondo.h and the lists " +
                       "that it includes must be all of Rondo");
  }
  return problems;
}

Problems SystemProblems(const std::vector<Source>& sources) {
  std::map<std::string, Names> defined;
  const Source* header = nullptr;
  for (const Source& source : sources) {
    if (source.path == "src/sys/sys.h") header = &source;
    if (!source.path.starts_with("src/sys/") || !source.path.ends_with(".cc")) continue;
    for (const Function& function : Functions(source)) {
      defined[source.path].insert(LastPart(function.name));
    }
  }
  if (header == nullptr) return {};
  Problems problems;
  for (const Word& word : Words(*header)) {
    if (!word.called || !word.declared || IsForLinuxAlone(*header, word.line)) continue;
    for (const auto& [system, files] : kSystems) {
      const bool there = std::any_of(files.begin(), files.end(), [&](const std::string& file) {
        return defined[file].contains(word.name);
      });
      if (there) continue;
      problems.push_back(At(header->path, word.line) + word.name + " is not defined on " + system);
    }
  }
  return problems;
}

Problems TopLevelProblems(const std::set<std::string>& names) {
  Problems problems;
  for (const std::string& name : names) {
    if (kTopLevel.contains(name)) continue;
    problems.push_back(name + ": not one of the few names of the top level; it belongs further in");
  }
  return problems;
}

}  // namespace rondo::tidy
