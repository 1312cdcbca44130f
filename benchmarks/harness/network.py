"""A loopback of the run's own, whose TCP sends without pacing.

BBR, the usual congestion control of some machines, paces each connection by a timer. Over loopback
a connection that carries as much as it can then falls by chance into one of two modes, of which one
costs 1.6 times the CPU of the other, whichever server it is; Reno, which every kernel has, shows
neither. As root a run therefore has a network namespace, with `lo` alone and Reno in it.
"""

import ctypes
import fcntl
import os
import pathlib
import socket
import struct

CONGESTION_CONTROL = pathlib.Path("/proc/sys/net/ipv4/tcp_congestion_control")
# From <linux/sched.h>, <linux/sockios.h> and <linux/if.h>; Python has them from 3.12 on, or never.
CLONE_NEWNET = 0x40000000
SIOCSIFFLAGS = 0x8914
IFF_UP = 1


def congestion_control():
    """What TCP does where this process is, such as "cubic"."""
    return CONGESTION_CONTROL.read_text(encoding="ascii").strip()


def enter():
    """Moves this process, and those that it starts from now on, into a namespace like that.

    Returns why not, or None when it worked. What the process has open stays where it was.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET) != 0:
        return os.strerror(ctypes.get_errno())
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", IFF_UP))
    CONGESTION_CONTROL.write_text("reno", encoding="ascii")
    return None


def prepare():
    """Enters one if that is allowed, and says what it means if not."""
    refused = enter()
    if refused and congestion_control() == "bbr":
        print(f"There is no network namespace for this run ({refused}), and TCP paces here (bbr): "
              "the CPU ratios of `stream` depend on chance")
