#!/usr/bin/env python3
"""Runs a command as it would run on a machine that lacks something:

    tests/tools/restricted.py RESTRICTION... -- COMMAND...

    no-io-uring          its calls fail with EPERM, as under Docker's seccomp profile
    unknown-io-uring     ... with ENOSYS, as in Podman, gVisor, or on Linux before 5.1
    descriptors-1024     a process has 1024 descriptors, hard limit
    no-ipv6              a network of its own, where IPv6 is switched off by sysctl
    unknown-ipv6         a kernel without AF_INET6
    ordinary-user        no root; 8 MiB of locked memory, 1024 descriptors and up to 20 000
    no-locked-memory     none for this user, root neither
    one-cpu              the first of those there are

The exit status is the command's. 77, and a sentence on standard error that begins with "skipping":
this user or this machine cannot set the restriction, and the command did not run.
"""

import ctypes
import errno
import fcntl
import os
import platform
import resource
import socket
import struct
import sys
import tempfile

CANNOT = 77
NOBODY = 65534

libc = ctypes.CDLL(None, use_errno=True)


class CannotRestrict(Exception):
    """Why."""


def call(what, name, *arguments):
    """Calls a function of libc; `what` says what for."""
    if getattr(libc, name)(*arguments) != 0:
        raise CannotRestrict(f"{what}: {name}: {os.strerror(ctypes.get_errno())}")


# --- Calls that fail, by seccomp -----------------------------------------------------------------

PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, PR_CAPBSET_DROP = 22, 38, 24
SECCOMP_MODE_FILTER = 2
ALLOW, FAIL = 0x7FFF0000, 0x00050000
LOAD, EQUAL, ABOVE, RETURN = 0x20, 0x15, 0x25, 0x06
NUMBER, ARCHITECTURE, ARGUMENT = 0, 4, 16  # offsets in seccomp_data
# By machine: its number in audit.h, and socket(2).
MACHINES = {"x86_64": (0xC000003E, 41), "aarch64": (0xC00000B7, 198)}
IO_URING_CALLS = (425, 426, 427)  # setup, enter, register: the same on every machine


class Filter(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("program", ctypes.c_char_p)]


def install(checks):
    """Installs a filter: of `checks`, instructions that jump to its last one in order to fail."""
    if platform.machine() not in MACHINES:
        raise CannotRestrict(f"the filter does not know {platform.machine()}")
    program = [(LOAD, 0, 0, ARCHITECTURE), (EQUAL, 1, 0, MACHINES[platform.machine()][0]),
               (RETURN, 0, 0, ALLOW), *checks]
    text = b"".join(struct.pack("=HBBI", *instruction) for instruction in program)
    call("seccomp", "prctl", PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    filter_ = Filter(len(program), text)
    call("seccomp", "prctl", PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(filter_))


def refuse_io_uring(error):
    first, last = IO_URING_CALLS[0], IO_URING_CALLS[-1]
    install([(LOAD, 0, 0, NUMBER), (ABOVE, 2, 0, last), (ABOVE, 0, 1, first - 1),
             (RETURN, 0, 0, FAIL | error), (RETURN, 0, 0, ALLOW)])


def refuse_ipv6_sockets():
    number = MACHINES.get(platform.machine(), (0, 0))[1]
    install([(LOAD, 0, 0, NUMBER), (EQUAL, 0, 3, number), (LOAD, 0, 0, ARGUMENT),
             (EQUAL, 0, 1, socket.AF_INET6), (RETURN, 0, 0, FAIL | errno.EAFNOSUPPORT),
             (RETURN, 0, 0, ALLOW)])


# --- A network of its own ------------------------------------------------------------------------

CLONE_NEWNET, CLONE_NEWUSER = 0x40000000, 0x10000000
SIOCSIFFLAGS, IFF_UP = 0x8914, 1


def switch_off_ipv6():
    user, group = os.getuid(), os.getgid()
    what = "a network namespace of its own takes CAP_SYS_ADMIN, or user namespaces"
    if libc.unshare(CLONE_NEWNET) != 0:
        call(what, "unshare", CLONE_NEWUSER | CLONE_NEWNET)
        for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"),
                           ("gid_map", f"{group} {group} 1")):
            with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
                file.write(text)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))
    for name in ("all", "default", "lo"):
        path = f"/proc/sys/net/ipv6/conf/{name}/disable_ipv6"
        if os.path.exists(path):
            with open(path, "w", encoding="ascii") as file:
                file.write("1")


# --- Limits, privileges, CPUs --------------------------------------------------------------------


def limit(which, soft, hard):
    """Sets it, or leaves it where it is lower."""
    present = resource.getrlimit(which)[1]
    hard = hard if present == resource.RLIM_INFINITY else min(hard, present)
    resource.setrlimit(which, (min(soft, hard), hard))


def limit_descriptors():
    limit(resource.RLIMIT_NOFILE, 1024, 1024)


def give_up_root():
    limit(resource.RLIMIT_NOFILE, 1024, 20_000)
    limit(resource.RLIMIT_MEMLOCK, 8 << 20, 8 << 20)
    if os.getuid() == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
        # A home to write into, as users have: ccache fails without.
        os.environ["HOME"] = os.path.join(tempfile.gettempdir(), "rondo-ordinary-user")
        os.makedirs(os.environ["HOME"], mode=0o700, exist_ok=True)
    # By its path: the folders above count, too.
    if not os.access(os.getcwd(), os.R_OK | os.X_OK):
        raise CannotRestrict(f"another user than root may not read {os.getcwd()}")


def forbid_locked_memory():
    limit(resource.RLIMIT_MEMLOCK, 0, 0)
    if os.getuid() == 0:
        # The limit does not bind who has it, and a program that root starts would get it again.
        cap_ipc_lock = 14
        call("locked memory", "prctl", PR_CAPBSET_DROP, cap_ipc_lock, 0, 0, 0)


def leave_one_cpu():
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


# In the order in which they are set: privileges go late, and filters last.
RESTRICTIONS = {
    "no-ipv6": switch_off_ipv6,
    "one-cpu": leave_one_cpu,
    "ordinary-user": give_up_root,
    "descriptors-1024": limit_descriptors,
    "no-locked-memory": forbid_locked_memory,
    "unknown-ipv6": refuse_ipv6_sockets,
    "no-io-uring": lambda: refuse_io_uring(errno.EPERM),
    "unknown-io-uring": lambda: refuse_io_uring(errno.ENOSYS),
}


def main():
    words = sys.argv[1:]
    end = words.index("--") if "--" in words else len(words)
    names, command = words[:end], words[end + 1:]
    unknown = [name for name in names if name not in RESTRICTIONS]
    if unknown or not names or not command:
        sys.exit(__doc__)
    for name, restrict in RESTRICTIONS.items():
        if name not in names:
            continue
        try:
            restrict()
        except (CannotRestrict, OSError, ValueError) as error:
            print(f"skipping {name}: {error}", file=sys.stderr)
            sys.exit(CANNOT)
    os.execvp(command[0], command)


if __name__ == "__main__":
    main()
