// <sys/event.h> of FreeBSD and macOS, as far as Rondo uses it, for programs of the test build on
// Linux: tests/kernel/kqueue_emulation.cc is behind it. Any thread.
//
// What is emulated: EVFILT_READ and EVFILT_WRITE on sockets, EVFILT_USER; EV_ADD, EV_DELETE,
// EV_CLEAR, EV_ONESHOT; and that closing a descriptor takes its filters away. Any other flag or
// filter is refused with EINVAL, so that a use of it is noticed.

#ifndef RONDO_TESTS_KERNEL_KQUEUE_INCLUDE_SYS_EVENT_H_
#define RONDO_TESTS_KERNEL_KQUEUE_INCLUDE_SYS_EVENT_H_

#include <cstdint>
#include <ctime>

#define EVFILT_READ (-1)
#define EVFILT_WRITE (-2)
#define EVFILT_USER (-11)

#define EV_ADD 0x0001
#define EV_DELETE 0x0002
#define EV_ONESHOT 0x0010
#define EV_CLEAR 0x0020
#define EV_EOF 0x8000

#define NOTE_TRIGGER 0x01000000

struct kevent {
  uintptr_t ident;
  short filter;
  unsigned short flags;
  unsigned int fflags;
  int64_t data;
  void* udata;
};

#define EV_SET(event, a, b, c, d, e, f) \
  do {                                  \
    (event)->ident = (a);               \
    (event)->filter = (b);              \
    (event)->flags = (c);               \
    (event)->fflags = (d);              \
    (event)->data = (e);                \
    (event)->udata = (f);               \
  } while (false)

extern "C" {

int kqueue();
int kevent(int queue, const struct kevent* changes, int change_count, struct kevent* events,
           int event_count, const struct timespec* timeout);
}

#endif  // RONDO_TESTS_KERNEL_KQUEUE_INCLUDE_SYS_EVENT_H_
