#include "tests/tidy/ratchet.h"

#include <algorithm>

namespace rondo::tidy {

std::string At(const std::string& path, int line) {
  return path + ":" + std::to_string(line) + ": ";
}

Problems RatchetProblems(const std::string& where, const std::string& name, int count,
                         const Budget& budget, const Ratchet& exceptions) {
  const auto entry = exceptions.find(name);
  const bool listed = entry != exceptions.end();
  const int allowed = listed ? std::max(entry->second, budget.most) : budget.most;
  const std::string has = where + name + " has " + std::to_string(count) + " " + budget.unit + ", ";
  if (count > allowed) return {has + std::to_string(allowed) + " are allowed; " + budget.cure};
  if (listed && count <= budget.most) return {has + "so take it off the list"};
  if (listed && count + budget.slack < allowed) return {has + "so lower its entry to that"};
  return {};
}

Problems GoneProblems(const std::set<std::string>& there, const Ratchet& exceptions) {
  Problems problems;
  for (const auto& [name, count] : exceptions) {
    if (!there.contains(name)) problems.push_back(name + " is gone; take it off the list");
  }
  return problems;
}

}  // namespace rondo::tidy
