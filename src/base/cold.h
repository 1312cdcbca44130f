// RONDO_COLD marks a function beside the hot path. The compiler keeps it out of its callers, so
// that these need few registers and save few of them: what is rare shall not cost what is frequent.

#ifndef RONDO_BASE_COLD_H_
#define RONDO_BASE_COLD_H_

#define RONDO_COLD __attribute__((cold, noinline))

#endif  // RONDO_BASE_COLD_H_
