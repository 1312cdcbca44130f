// RONDO_CHECK states what only a mistake of ours can break. It stays in release builds: a server
// that goes on with a broken invariant corrupts its users' data, one that stops is restarted.
// RONDO_DCHECK is the same where the test would cost on the data path: debug builds only.

#ifndef RONDO_BASE_CHECK_H_
#define RONDO_BASE_CHECK_H_

namespace rondo::base {

// Names the broken condition on standard error and ends the process.
[[noreturn]] void CheckFailed(const char* condition, const char* file, int line);

}  // namespace rondo::base

#define RONDO_CHECK(condition)        \
  (__builtin_expect(!!(condition), 1) \
       ? void()                       \
       : ::rondo::base::CheckFailed(#condition, __FILE__, __LINE__))

#ifdef NDEBUG
#define RONDO_DCHECK(condition) void()
#else
#define RONDO_DCHECK(condition) RONDO_CHECK(condition)
#endif

#endif  // RONDO_BASE_CHECK_H_
