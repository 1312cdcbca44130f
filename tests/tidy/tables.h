// The tables of the rules: which layer may include which, the names that are looked for, and the
// exceptions that were granted. The exceptions are meant to stay few, and each to say why.

#ifndef RONDO_TESTS_TIDY_TABLES_H_
#define RONDO_TESTS_TIDY_TABLES_H_

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace rondo::tidy {

using Names = std::set<std::string>;
// Path and what is granted there.
using Grants = std::set<std::pair<std::string, std::string>>;
// How large a thing that is over its budget may be, by its name: "path" or "path:function".
using Ratchet = std::map<std::string, int>;

extern const Ratchet kLongFiles;
extern const Ratchet kLongFunctions;
extern const Ratchet kLargeFolders;
// Files whose comments still have phrases of kUnclearPhrases, and how many.
extern const Ratchet kUnclearPhrasesGranted;
// Path and type: casts to a type of kEndpointTypes from something else than an endpoint.
extern const Grants kCastsGranted;
// Directives by which something is compiled only sometimes, besides include guards.
extern const Grants kConditionals;
// Where the library does print, or end the process.
extern const Grants kBannedWordsGranted;
// Path and word: calls of a kernel's function where that is not the kernel of what is simulated.
extern const Grants kKernelCallsGranted;

// By layer: the other layers whose headers it may include.
extern const std::map<std::string, Names> kMayInclude;
// By layer: headers of the kernel and of C that give it types and constants.
extern const std::map<std::string, Names> kSystemHeaders;
extern const Names kKernelCalls;
// By system: the files of src/sys that are compiled for it.
extern const std::map<std::string, Names> kSystems;
// What a library does not do to its process.
extern const Names kBannedWords;
// First folders of quoted includes that are not of this tree.
extern const Names kForeign;
extern const Names kSleeps;
// What starts threads, has one wait for another, or asks for the time or a random number.
extern const Names kThreads;
// Phrases that need a second reading: the sentence has a plainer form with a subject and a verb.
extern const Names kUnclearPhrases;
// The kinds of poll::Endpoint.
extern const Names kEndpointTypes;

// A struct that many could come to share, and in how many files a field of it may be used.
struct FieldUse {
  std::string header;
  std::string name;
  Names variables;  // what variables of it are called
  int most_files;
};

extern const std::vector<FieldUse> kFieldUses;
extern const Names kTopLevel;

}  // namespace rondo::tidy

#endif  // RONDO_TESTS_TIDY_TABLES_H_
