// The project's rules that a machine can check: each takes a file (or the whole tree) and says what
// is wrong with it, where, and what to do. Their tables are in tables.cc.

#ifndef RONDO_TESTS_TIDY_RULES_H_
#define RONDO_TESTS_TIDY_RULES_H_

#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/tidy/ratchet.h"
#include "tests/tidy/scanner.h"
#include "tests/tidy/tables.h"

namespace rondo::tidy {

// The layer of a file: a folder of src, or a folder of the top level; "" for any other file.
std::string LayerOf(const std::string& path);
// Whether the file belongs to what users link.
bool InLibrary(const std::string& path);
// The file of this tree that `name` means when `from` includes it; "" when it is not of this tree.
std::string PathOfInclude(const std::string& from, const std::string& name);

// --- C++ files, one at a time.

Problems LayerProblems(const Source& source);
Problems KernelCallProblems(const Source& source);
Problems SystemHeaderProblems(const Source& source);
Problems BannedWordProblems(const Source& source);
Problems RttiProblems(const Source& source);
// Threads, waits of one for another, clocks and random numbers.
Problems ThreadProblems(const Source& source);
Problems SleepProblems(const Source& source);
Problems ConditionalProblems(const Source& source);
Problems HeaderProblems(const Source& source);
Problems FunctionSizeProblems(const Source& source, const Ratchet& exceptions);
Problems FileSizeProblems(const Source& source, const Ratchet& exceptions);

// --- Files of any kind.

Problems UnfinishedProblems(const std::string& path, const std::vector<std::string>& remarks);
Problems LayoutProblems(const std::string& path, const std::string& text);
// The comments of a shell or Python script, line by line, without their mark.
std::vector<std::string> ScriptComments(const std::string& text);
// Comments avoid the phrases of kUnclearPhrases.
Problems PhraseProblems(const std::string& path, const std::vector<std::string>& comments,
                        const Ratchet& exceptions);

// --- The whole tree.

// Entries of `exceptions` whose file or function is not there any more.
Problems StaleProblems(const std::vector<Source>& sources, const Ratchet& exceptions);
Problems CycleProblems(const std::vector<Source>& sources);
// `meson_files`: path to text.
Problems BuildProblems(const std::vector<Source>& sources,
                       const std::map<std::string, std::string>& meson_files);
// rondo.h includes every public header; those in a folder X, by way of X.h.
Problems PublicHeaderProblems(const std::vector<Source>& sources);
// What sys.h declares, but for its part for Linux alone, is there on every system.
Problems SystemProblems(const std::vector<Source>& sources);
// Each folder of src, without those inside it, has its budget.
Problems FolderSizeProblems(const std::vector<Source>& sources, const Ratchet& exceptions);
// An endpoint becomes what it is in src/poll/endpoint.h alone, where its kind is checked.
Problems CastProblems(const std::vector<Source>& sources, const Grants& granted);
// Few files share a field of the structs of kFieldUses.
Problems FieldUseProblems(const std::vector<Source>& sources);
Problems TopLevelProblems(const std::set<std::string>& names);

}  // namespace rondo::tidy

#endif  // RONDO_TESTS_TIDY_RULES_H_
