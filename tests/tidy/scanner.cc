#include "tests/tidy/scanner.h"

#include <algorithm>
#include <cctype>
#include <initializer_list>

namespace rondo::tidy {
namespace {

bool IsNameChar(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) || c == '_';
}
bool IsSpace(char c) {
  return std::isspace(static_cast<unsigned char>(c));
}

std::vector<std::string> SplitLines(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    lines.emplace_back(text.substr(0, end));
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
  }
  return lines;
}

std::string JoinLines(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + '\n';
  return text;
}

// Where the literal that begins at text[begin], a quote, ends: one past its closing quote.
size_t EndOfLiteral(std::string_view text, size_t begin) {
  const char quote = text[begin];
  const bool raw = quote == '"' && begin > 0 && text[begin - 1] == 'R';
  if (raw) {
    const size_t open = text.find('(', begin);
    if (open == text.npos) return text.size();
    const std::string close = ")" + std::string(text.substr(begin + 1, open - begin - 1)) + "\"";
    const size_t end = text.find(close, open);
    return end == text.npos ? text.size() : end + close.size();
  }
  size_t i = begin + 1;
  while (i < text.size() && text[i] != quote && text[i] != '\n') i += text[i] == '\\' ? 2 : 1;
  return std::min(i + 1, text.size());
}

size_t EndOfComment(std::string_view text, size_t begin) {
  const bool block = text[begin + 1] == '*';
  const size_t end = block ? text.find("*/", begin + 2) : text.find('\n', begin);
  if (end == text.npos) return text.size();
  return block ? end + 2 : end;
}

void Blank(std::string& view, size_t begin, size_t end) {
  for (size_t i = begin; i < end; ++i) {
    if (view[i] != '\n') view[i] = ' ';
  }
}

// The code of `source` in one piece, preprocessor lines blank.
std::string CodeWithoutDirectives(const Source& source) {
  std::vector<std::string> code = source.code;
  bool continued = false;
  for (std::string& line : code) {
    const size_t first = line.find_first_not_of(" \t");
    const bool directive = continued || (first != line.npos && line[first] == '#');
    continued = directive && line.ends_with('\\');
    if (directive) line.assign(line.size(), ' ');
  }
  return JoinLines(code);
}

std::string Trim(std::string_view text) {
  while (!text.empty() && IsSpace(text.front())) text.remove_prefix(1);
  while (!text.empty() && IsSpace(text.back())) text.remove_suffix(1);
  return std::string(text);
}

// `head` behind `template <...>`, if it begins so.
std::string_view WithoutTemplate(std::string_view head) {
  while (head.starts_with("template")) {
    size_t i = head.find('<');
    if (i == head.npos) break;
    int depth = 0;
    do {
      depth += head[i] == '<' ? 1 : head[i] == '>' ? -1 : 0;
    } while (++i < head.size() && depth > 0);
    head.remove_prefix(i);
    while (!head.empty() && IsSpace(head.front())) head.remove_prefix(1);
  }
  return head;
}

// Whether the name that follows the token `before` is a new one, or that of a member which is
// initialised: `int fd`, `: fd(-1)`.
bool Introduces(const std::string& before) {
  const bool statement = before == "return" || before == "co_return" || before == "co_await" ||
                         before == "else" || before == "do";
  if (before.empty() || statement) return false;
  return IsNameChar(before.back()) || before == ":" || before == ",";
}

enum class BraceKind { kScope, kFunction, kInitializer };

BraceKind ClassifyBrace(std::string_view head) {
  head = WithoutTemplate(head);
  if (head.empty()) return BraceKind::kScope;
  for (std::string_view keyword :
       {"namespace", "inline namespace", "extern", "class", "struct", "union", "enum"}) {
    const bool opens = head.starts_with(keyword) &&
                       (head.size() == keyword.size() || !IsNameChar(head[keyword.size()]));
    if (opens && head.back() != ')' && !head.ends_with(") const")) return BraceKind::kScope;
  }
  return head.find('(') == head.npos ? BraceKind::kInitializer : BraceKind::kFunction;
}

// The name in a function's head; of a macro such as TEST the arguments too.
std::string NameInHead(std::string_view head) {
  head = WithoutTemplate(head);
  const size_t open = head.find('(');
  size_t begin = open;
  while (begin > 0 && IsSpace(head[begin - 1])) --begin;
  while (begin > 0 &&
         (IsNameChar(head[begin - 1]) || head[begin - 1] == ':' || head[begin - 1] == '~')) {
    --begin;
  }
  const std::string_view name = head.substr(begin, open - begin);
  const bool macro = name.size() > 1 &&
                     std::none_of(name.begin(), name.end(), [](char c) { return std::islower(c); });
  return Trim(macro ? head.substr(begin) : name);
}

// Walks over code outside of functions and gathers those that it meets.
class FunctionFinder {
 public:
  explicit FunctionFinder(std::string code) : code_(std::move(code)) {}

  std::vector<Function> Find() {
    for (i_ = 0; i_ < code_.size(); ++i_) {
      const char c = code_[i_];
      if (c == '(') ++parentheses_;
      if (c == ')') --parentheses_;
      if (c == '{') {
        OpenBrace();
      } else if (c == '}' || (c == ';' && parentheses_ == 0) || EndsAccessSpecifier()) {
        head_.clear();
      } else {
        AddToHead(c);
      }
      if (c == '\n') ++line_;
    }
    return functions_;
  }

 private:
  void AddToHead(char c) {
    if (head_.empty() && IsSpace(c)) return;
    if (head_.empty()) head_line_ = line_;
    head_ += c;
  }

  bool EndsAccessSpecifier() const {
    return code_[i_] == ':' && (head_ == "public" || head_ == "private" || head_ == "protected");
  }

  void OpenBrace() {
    const std::string head = Trim(head_);
    const BraceKind kind = parentheses_ > 0 ? BraceKind::kInitializer : ClassifyBrace(head);
    if (kind == BraceKind::kScope) {
      head_.clear();
      return;
    }
    SkipBody();
    const size_t next = code_.find_first_not_of(" \n", i_ + 1);
    // `Foo() : a_{1}, b_{2} {`: that was a member's initialiser, the head goes on.
    const bool goes_on = next != code_.npos && (code_[next] == ',' || code_[next] == '{');
    if (kind == BraceKind::kInitializer || goes_on) {
      head_ += "{}";
      return;
    }
    functions_.push_back({NameInHead(head), head_line_, line_ - head_line_ + 1});
    head_.clear();
  }

  // From an opening brace to the one that closes it.
  void SkipBody() {
    int depth = 0;
    for (; i_ < code_.size(); ++i_) {
      if (code_[i_] == '{') ++depth;
      if (code_[i_] == '}' && --depth == 0) return;
      if (code_[i_] == '\n') ++line_;
    }
  }

  const std::string code_;
  size_t i_ = 0;
  int line_ = 1;
  int parentheses_ = 0;
  std::string head_;
  int head_line_ = 1;
  std::vector<Function> functions_;
};

// Depth first; `path` is what led to `node`. True when a cycle was found: it is then in `path`.
bool Visit(const Graph& graph, const std::string& node, std::vector<std::string>& path,
           std::set<std::string>& done) {
  const auto seen = std::find(path.begin(), path.end(), node);
  if (seen != path.end()) {
    path.erase(path.begin(), seen);
    path.push_back(node);
    return true;
  }
  if (done.contains(node)) return false;
  path.push_back(node);
  if (const auto edges = graph.find(node); edges != graph.end()) {
    for (const std::string& next : edges->second) {
      if (Visit(graph, next, path, done)) return true;
    }
  }
  path.pop_back();
  done.insert(node);
  return false;
}

}  // namespace

Source Scan(std::string path, std::string_view text) {
  std::string code(text);
  std::string comments(text);
  size_t plain = 0;  // up to here both views are right
  for (size_t i = 0; i < text.size();) {
    const bool comment = text.substr(i).starts_with("//") || text.substr(i).starts_with("/*");
    // 1'000 is one number.
    const bool literal =
        text[i] == '"' || (text[i] == '\'' && (i == 0 || !IsNameChar(text[i - 1])));
    if (!comment && !literal) {
      ++i;
      continue;
    }
    const size_t end = comment ? EndOfComment(text, i) : EndOfLiteral(text, i);
    Blank(comments, plain, i);
    if (comment) {
      Blank(code, i, end);
    } else {
      Blank(code, i + 1, end - 1);
      Blank(comments, i, end);
    }
    plain = i = end;
  }
  Blank(comments, plain, comments.size());
  return {std::move(path), SplitLines(text), SplitLines(code), SplitLines(comments)};
}

std::vector<Word> Words(const Source& source) {
  std::vector<Word> words;
  std::string before;  // the token before the next name, as far as that matters
  for (size_t n = 0; n < source.code.size(); ++n) {
    const std::string& line = source.code[n];
    for (size_t i = 0; i < line.size();) {
      const bool global = line.compare(i, 2, "::") == 0;
      if (!IsNameChar(line[i]) && !global) {
        const bool arrow = line[i] == '>' && before == "-";
        if (!IsSpace(line[i])) before = arrow ? "->" : line.substr(i, 1);
        ++i;
        continue;
      }
      size_t end = i;
      while (end < line.size() && (IsNameChar(line[end]) || line.compare(end, 2, "::") == 0)) {
        end += IsNameChar(line[end]) ? 1 : 2;
      }
      const std::string name = line.substr(i, end - i);
      const size_t next = line.find_first_not_of(' ', end);
      words.push_back({static_cast<int>(n) + 1, name, next != line.npos && line[next] == '(',
                       before == "." || before == "->", Introduces(before)});
      before = name;
      i = end;
    }
    if (Trim(line).starts_with('#')) before.clear();
  }
  return words;
}

std::string LastPart(const std::string& name) {
  const size_t colon = name.rfind(':');
  return colon == name.npos ? name : name.substr(colon + 1);
}

std::vector<Directive> Directives(const Source& source) {
  std::vector<Directive> directives;
  for (size_t n = 0; n < source.code.size(); ++n) {
    const std::string line = Trim(source.code[n]);
    if (!line.starts_with('#')) continue;
    std::string text = "#";
    for (char c : Trim(line.substr(1))) {
      if (!IsSpace(c) || !IsSpace(text.back())) text += c;
    }
    directives.push_back({static_cast<int>(n) + 1, text});
  }
  return directives;
}

std::vector<Include> Includes(const Source& source) {
  std::vector<Include> includes;
  for (const Directive& directive : Directives(source)) {
    if (!directive.text.starts_with("#include")) continue;
    // The name is a literal, which only the lines as written still have.
    const std::string& line = source.lines[directive.line - 1];
    const size_t open = line.find_first_of("<\"");
    const size_t close = line.find_first_of(">\"", open + 1);
    if (open == line.npos || close == line.npos) continue;
    includes.push_back(
        {directive.line, line.substr(open + 1, close - open - 1), line[open] == '"'});
  }
  return includes;
}

std::vector<Function> Functions(const Source& source) {
  return FunctionFinder(CodeWithoutDirectives(source)).Find();
}

std::vector<std::string> FindCycle(const Graph& graph) {
  std::set<std::string> done;
  for (const auto& [node, edges] : graph) {
    std::vector<std::string> path;
    if (Visit(graph, node, path, done)) return path;
  }
  return {};
}

}  // namespace rondo::tidy
