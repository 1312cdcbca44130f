// What Rondo asks of the compiler and the system, in sentences rather than in pages of errors from
// templates, and what its headers tell the compiler. Every public header includes it, most of them
// by way of another one. There is nothing in it for users.

#ifndef RONDO_PLATFORM_H_
#define RONDO_PLATFORM_H_

// Compilers go on after an #error, and print everything that is wrong then. They stop for a header
// that is not there.
#if __cplusplus <= 201703L
#error "Rondo needs C++20: compile with -std=c++20 or newer."
#include "rondo/see_the_error_above"
#elif defined(_WIN32)
#error "Rondo does not support Windows: sockets there need an IOCP poller, which it does not have."
#include "rondo/see_the_error_above"
#elif __SIZEOF_POINTER__ < 8
#error "Rondo does not support 32-bit systems: its limits and counters need 64-bit pointers."
#include "rondo/see_the_error_above"
#endif

// Of a class, or of a function outside classes: the shared library exports it, and hides all that
// has no mark. Templates and inline functions need none. Engine and WorkerPool are marked at their
// functions: a class that is exported would export its Impl as well.
#define RONDO_API __attribute__((visibility("default")))

// `try` and `catch` of the functions that a user's program compiles. With -fno-exceptions these do
// not refuse when there is no memory: std::bad_alloc leaves them, as it leaves functions of the
// library. Thrown in a callback or a task it passes through the program's functions, without the
// destructors of their variables, and ends that connection with ResourceExhausted, as it does with
// exceptions; elsewhere it ends the process.
#ifdef __cpp_exceptions
#define RONDO_TRY try
#define RONDO_CATCH_BAD_ALLOC catch (const std::bad_alloc&)
#else
#define RONDO_TRY if constexpr (true)
#define RONDO_CATCH_BAD_ALLOC else
#endif

#endif  // RONDO_PLATFORM_H_
