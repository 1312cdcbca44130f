// The kernel calls of src/sys under another name, rondo::real_sys, beside those of rondo::sys: for
// a substitute that defines rondo::sys and makes the real call where it changes nothing. The
// library real_sys has them: the same sources, compiled with -Dsys=real_sys. Any thread.

#ifndef RONDO_TESTS_KERNEL_REAL_SYS_H_
#define RONDO_TESTS_KERNEL_REAL_SYS_H_

#ifdef RONDO_SYS_SYS_H_
#error "include tests/kernel/real_sys.h before sys/sys.h, or it declares nothing"
#endif

#define sys real_sys
#include "sys/sys.h"
#undef sys
#undef RONDO_SYS_SYS_H_
#include "sys/sys.h"

#endif  // RONDO_TESTS_KERNEL_REAL_SYS_H_
