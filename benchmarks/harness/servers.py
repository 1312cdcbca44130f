"""The servers that are compared: what they are called, how each is built, started and stopped."""

import dataclasses
import os
import pathlib
import re
import select
import signal
import subprocess
import sys
import time

from harness import build


@dataclasses.dataclass(frozen=True)
class Server:
    """One line of every table."""
    name: str
    program: str
    kind: str  # "rondo", "meson", "go" or "cargo": who builds it; "rondo" is Meson's as well.
    arguments: tuple = ()
    source: str = ""
    tags: str = ""
    native: bool = True  # C or C++ without io_uring: Valgrind can count its instructions.
    by_name: bool = False  # Only for shapes and suites that name it.


# A descriptor table for each loop.
OWN_TABLES = ("--accept_mode=reuseport", "--private_descriptor_tables")

TIMEOUTS = "rondo_epoll_timeouts"
EDGE = "rondo_edge"

# Scheduling classes of a server, and its priority there.
USUAL = (os.SCHED_OTHER, 0)
REAL_TIME = (os.SCHED_FIFO, 1)

# Send what one client says to all.
BROADCASTERS = [
    Server("floor_broadcast", "floor_broadcast", "meson", native=False, by_name=True),
    *(Server(f"broadcast_{name}", "peer_rondo_broadcast", "rondo", (f"--poller={poller}",),
             native=False, by_name=True)
      for name, poller in (("epoll", "epoll"), ("edge", "epoll_edge"), ("io_uring", "io_uring"))),
]

# Answer on a worker pool of two threads; gnet on its own, which grows.
OFFLOADERS = [
    *(Server(f"offload_{poller}", "peer_rondo", "rondo", (f"--poller={poller}", "--workers=2"),
             native=False, by_name=True) for poller in ("epoll", "io_uring")),
    Server("offload_gnet", "peer_gnet", "go", ("--workers=2",), source="gnet", native=False,
           by_name=True),
]

ALL = [
    Server("rondo_epoll", "peer_rondo", "rondo", ("--poller=epoll",)),
    Server("rondo_io_uring", "peer_rondo", "rondo", ("--poller=io_uring",), native=False),
    Server("rondo_epoll_tables", "peer_rondo", "rondo", ("--poller=epoll", *OWN_TABLES),
           native=False, by_name=True),
    Server("rondo_io_uring_tables", "peer_rondo", "rondo", ("--poller=io_uring", *OWN_TABLES),
           native=False, by_name=True),
    Server(EDGE, "peer_rondo", "rondo", ("--poller=epoll_edge",), by_name=True),
    # With an idle timeout and keep-alive on every connection, as most servers have them.
    Server(TIMEOUTS, "peer_rondo", "rondo", ("--poller=epoll", "--timeouts"), by_name=True),
    *BROADCASTERS,
    *OFFLOADERS,
    Server("floor_epoll", "floor_epoll", "meson"),
    Server("floor_io_uring", "floor_io_uring", "meson", native=False),
    Server("libevent", "peer_libevent", "meson"),
    Server("libuv", "peer_libuv", "meson"),
    Server("asio", "peer_asio", "meson"),
    Server("gnet", "peer_gnet", "go", source="gnet", native=False),
    Server("gnet_poll_opt", "peer_gnet_poll_opt", "go", source="gnet", tags="poll_opt",
           native=False),
    Server("go_net", "peer_go_net", "go", source="go_net", native=False),
    Server("tokio", "peer_tokio", "cargo", source="tokio", native=False),
]


class Fleet:
    """The servers that exist on this machine, and where their programs are."""

    def __init__(self, servers, programs):
        self.servers = servers
        self._programs = programs

    def program(self, name):
        return self._programs[name]

    def servers_of(self, shape):
        """Those that a shape is for."""
        if shape.servers:
            return [server for server in self.servers if server.name in shape.servers]
        return [server for server in self.servers
                if not server.by_name or server.name in shape.also]

    @property
    def load(self):
        return self._programs["load"]


def select_servers(names, poller=None):
    """The servers of `names`, all when empty; `poller` narrows or changes Rondo's own."""
    known = {server.name: server for server in ALL}
    unknown = [name for name in names if name not in known]
    if unknown:
        sys.exit(f"--servers: unknown {', '.join(unknown)}; expected some of {', '.join(known)}")
    chosen = [known[name] for name in names] if names else list(ALL)
    if poller:
        rondo = Server("rondo_" + poller, "peer_rondo", "rondo", (f"--poller={poller}",),
                       native=poller.startswith("epoll"))
        chosen = [rondo] + [server for server in chosen if server.kind != "rondo"]
    return chosen


def find(servers, directory):
    """A fleet from ready-made programs that all lie in one directory."""
    directory = pathlib.Path(directory)
    return _fleet(servers, {server.name: directory / server.program for server in servers},
                  directory / "load")


def build_all(servers, directory, options=(), targets=()):
    """A fleet from source: Meson's programs first, with these options, then Go's and Rust's."""
    build.meson(directory, options, targets)
    paths = {}
    for server in servers:
        if server.kind in ("rondo", "meson"):
            paths[server.name] = directory / "benchmarks" / "peers" / server.program
        elif server.kind == "go" and build.go(server.program, server.source, server.tags):
            paths[server.name] = build.PEER_PROGRAMS / server.program
        elif server.kind == "cargo" and build.cargo(server.program, server.source):
            paths[server.name] = build.PEER_PROGRAMS / server.program
    return _fleet(servers, paths, directory / "benchmarks" / "load" / "load")


def _fleet(servers, paths, load):
    if not load.exists():
        sys.exit(f"The load generator is not there: {load}")
    present = []
    for server in servers:
        if server.name not in paths:
            continue  # The build has said why.
        if paths[server.name].exists():
            present.append(server)
        else:
            print(f"Skipping {server.name}: there is no {paths[server.name]}", file=sys.stderr)
    programs = {server.name: paths[server.name] for server in present}
    return Fleet(present, {**programs, "load": load})


def those_that_start(fleet):
    """The fleet without the servers that this kernel or machine does not let run."""
    working = []
    for server in fleet.servers:
        try:
            with Running(fleet, server, os.sched_getaffinity(0)):
                working.append(server)
        except RuntimeError as error:
            print(f"Skipping {error}", file=sys.stderr)
    return Fleet(working, {name: fleet.program(name) for name in
                           ["load", *(server.name for server in working)]})


class Running:
    """A server that has said where it listens; a context manager that ends it."""

    def __init__(self, fleet, server, cpus, loops=1, flags=(), prefix=(),
                 scheduling=USUAL):
        command = [*prefix, str(fleet.program(server.name)), *server.arguments, *flags,
                   f"--loops={loops}"]
        if server.kind == "rondo":
            command.append("--address=tcp://127.0.0.1:0")

        def prepare():
            os.sched_setaffinity(0, cpus)
            os.sched_setscheduler(0, scheduling[0], os.sched_param(scheduling[1]))
        try:
            self._process = subprocess.Popen(command, stdout=subprocess.PIPE, preexec_fn=prepare)
        except subprocess.SubprocessError:
            raise RuntimeError(f"{server.name}: real-time priority wants CAP_SYS_NICE") from None
        self.pid = self._process.pid
        self.address = self._await_address(server.name)

    def _await_address(self, name, seconds=30):
        """Reads what the server prints, which may be several lines, until it names its address."""
        output = b""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            readable, _, _ = select.select([self._process.stdout], [], [], 1)
            chunk = os.read(self._process.stdout.fileno(), 65536) if readable else b""
            output += chunk
            match = re.search(rb"^listening on (\S+)\n", output, re.MULTILINE)
            if match:
                return match.group(1).decode()
            if readable and not chunk:
                break  # It has ended.
        self.stop()
        raise RuntimeError(f"{name} did not say where it listens, but: {output!r}")

    def stop(self, seconds=10):
        """Asks it to end and waits; forces it only when it does not."""
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        time.sleep(0.02)  # Lets the kernel finish closing before the next one is measured.

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
