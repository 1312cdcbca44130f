// The scanner reads a C++ file just well enough for the rules in rules.h: it knows comments,
// literals, qualified names, includes and braces, and nothing of types. It works on text, so that
// a test can hand it a few lines; where it guesses, it guesses so that ordinary code passes.

#ifndef RONDO_TESTS_TIDY_SCANNER_H_
#define RONDO_TESTS_TIDY_SCANNER_H_

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace rondo::tidy {

// A file in three views of the same shape: what a view leaves out is blank there. Line n of the
// file is element n - 1.
struct Source {
  std::string path;                   // from the root of the tree
  std::vector<std::string> lines;     // as written
  std::vector<std::string> code;      // without comments and the insides of literals
  std::vector<std::string> comments;  // nothing but comments
};

Source Scan(std::string path, std::string_view text);

// A name as it is written, with its qualification: "fd", "::close", "std::chrono::seconds".
struct Word {
  int line;
  std::string name;
  bool called;    // followed by a parenthesis
  bool member;    // behind a dot or an arrow
  bool declared;  // behind a type, or as a member that is initialised: `int fd`, `: fd(-1)`
};

std::vector<Word> Words(const Source& source);

// What follows the last "::" of a name.
std::string LastPart(const std::string& name);

struct Include {
  int line;
  std::string name;
  bool quoted;
};

std::vector<Include> Includes(const Source& source);

// A preprocessor directive, with one blank between its words: "#if defined(X)".
struct Directive {
  int line;
  std::string text;
};

std::vector<Directive> Directives(const Source& source);

struct Function {
  std::string name;
  int line;
  int lines;  // from the first line of its head to its closing brace
};

// The functions defined outside of other functions.
std::vector<Function> Functions(const Source& source);

using Graph = std::map<std::string, std::set<std::string>>;

// Some cycle of `graph`, first node repeated at the end; empty when there is none.
std::vector<std::string> FindCycle(const Graph& graph);

}  // namespace rondo::tidy

#endif  // RONDO_TESTS_TIDY_SCANNER_H_
