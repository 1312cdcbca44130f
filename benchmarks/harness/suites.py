"""The questions: each suite is a list of shapes, each shape one way of loading every server."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Shape:
    """One load, and one table: every server gets exactly this."""
    name: str
    title: str
    flags: tuple
    loops: int = 1
    # Flags of the server, where it does something other than to echo.
    server_flags: tuple = ()
    # Which columns matter: a key of plots.SUBJECTS.
    subject: str = "messages"
    # A window of its own, where the usual one is too short to mean anything.
    at_least_seconds: float = 0
    # Only these servers; none: all that are compared usually, and `also` those.
    servers: tuple = ()
    also: tuple = ()
    # Ratios are to the best of these, figure by figure, and not to Rondo.
    rivals: tuple = ()
    # Ratios are to this one; "": to Rondo.
    reference: str = ""
    # Where the number of loops is not what says how many threads the generator needs.
    load_threads: int = 0


def ping(connections, size=64, depth=1, **options):
    name = f"{size}x{connections}" + (f"d{depth}" if depth > 1 else "")
    title = f"{size} B ping-pong on {connections} connections"
    if depth > 1:
        title = f"{size} B, {depth} messages under way on each of {connections} connections"
    flags = ("--mode=ping", f"--connections={connections}", f"--size={size}", f"--depth={depth}")
    return Shape(name, title, flags, **options)


def with_loops(loops):
    shape = ping(256, loops=loops)
    return dataclasses.replace(shape, name=f"{shape.name}l{loops}",
                               title=f"{shape.title}, {loops} loop" + ("s" if loops > 1 else ""))


def stream(connections, way=""):
    """64 KiB messages, 16 under way on each connection: both ways, or only "in" or "out"."""
    sizes = {"": (65536, 0), "in": (65536, 1), "out": (64, 65536)}
    size, reply = sizes[way]
    what = {"": "64 KiB messages that come back", "in": "64 KiB messages in, a byte back for each",
            "out": "64 KiB replies to 64 B requests"}[way]
    flags = ("--mode=ping", f"--connections={connections}", f"--size={size}", "--depth=16")
    if way:
        flags += (f"--reply_size={reply}",)
    return Shape(f"stream{way}{connections}", f"{what}, 16 under way on {connections} connection"
                 + ("s" if connections > 1 else ""), flags, subject="bytes",
                 server_flags=(f"--request_bytes={size}", f"--reply_bytes={reply}") if way else ())


CHURN = Shape("churn", "connect, one 64 B exchange, close; 64 at a time",
              ("--mode=churn", "--connections=64"))
IDLE = Shape("idle", "memory of 15 000 connections that were used once",
             ("--mode=hold", "--connections=15000", "--active=1"), subject="memory",
             also=("rondo_epoll_timeouts",))
WORK = Shape("work", "64 B on 64 connections, a handler that works 5 us",
             ("--mode=ping", "--connections=64"), server_flags=("--work_us=5",))
FAIRNESS = Shape("fairness", "a quiet connection beside 2 that flood",
                 ("--mode=fairness", "--connections=2"), subject="latency")

# What Rondo is held to here: the latency of the best of them, and most of the bytes of the best.
FLOOD = Shape("flood", "a quiet connection, 1000 messages a second, beside 2 that write 64 KiB "
              "pieces as fast as they are taken",
              ("--mode=flood", "--connections=2", "--rate=1000"), subject="flood",
              also=("rondo_edge",), rivals=("libevent", "asio", "libuv", "tokio"))

BROADCASTERS = ("floor_broadcast", "broadcast_epoll", "broadcast_edge", "broadcast_io_uring")


def broadcast(connections, origin):
    """From one "callback", or from another "thread"."""
    where = {"callback": "from one callback", "thread": "from another thread"}[origin]
    return Shape(f"broadcast{connections}{origin}",
                 f"64 B to each of {connections} connections, {where}",
                 ("--mode=broadcast", f"--connections={connections}", "--rest=1.5"),
                 server_flags=(f"--broadcast={origin}",), subject="broadcast",
                 servers=BROADCASTERS, reference=BROADCASTERS[0])


OFFLOADERS = ("rondo_epoll", "offload_epoll", "offload_io_uring", "offload_gnet")


def offload(work_us):
    """Answered by a worker pool; rondo_epoll answers on its loop."""
    work = f"a handler that works {work_us} us" if work_us else "a handler that does nothing"
    return Shape(f"offload{work_us}", f"64 B on 64 connections, {work}, on a worker pool",
                 ("--mode=ping", "--connections=64"), server_flags=(f"--work_us={work_us}",),
                 servers=OFFLOADERS, reference="offload_gnet")


RATE = Shape("rate", "64 B on 64 connections, 20 000 a second by the clock",
             ("--mode=rate", "--connections=64", "--rate=20000"), subject="latency",
             at_least_seconds=2)

TABLES = ("rondo_epoll_tables", "rondo_io_uring_tables")
# A table holds 20 000 descriptors here, on both sides: 16 threads for each.
CROWD = Shape("crowd", "300 000 connections, 1000 of them active, in one process of 16 loops",
              ("--mode=hold", "--connections=300000", "--active=1000"), loops=16, load_threads=16,
              subject="crowd", at_least_seconds=5, servers=TABLES)


def on_both_pollers(shape):
    """Rondo alone, so that there is time for many rounds."""
    return dataclasses.replace(shape, subject="comparison",
                               servers=("rondo_epoll", "rondo_io_uring"))


def beside_tables(shape):
    """With and without a descriptor table for each loop."""
    return dataclasses.replace(shape, name=f"{shape.name}tables",
                               servers=("rondo_epoll", "rondo_io_uring", *TABLES))


SUITES = {
    "quick": [ping(64)],
    "echo": [ping(1), ping(64), ping(1000), ping(10000, at_least_seconds=2)],
    "pipelined": [ping(64, depth=16)],
    "sizes": [ping(64, size=1024), ping(64, size=16384)],
    "stream": [stream(connections, way) for way in ("", "in", "out") for connections in (1, 4)],
    "churn": [CHURN],
    "idle": [IDLE],
    "work": [WORK],
    "offload": [offload(0), offload(5)],
    "rate": [RATE],
    "fairness": [FAIRNESS],
    "flood": [FLOOD],
    "broadcast": [broadcast(connections, origin) for connections in (1000, 10000)
                  for origin in ("callback", "thread")],
    "loops": [with_loops(1), with_loops(2)],
    "tables": [beside_tables(ping(64)), beside_tables(CHURN)],
    "crowd": [CROWD],
}
# Whatever one loop is asked, which poller does it better?
SUITES["pollers"] = [on_both_pollers(shape) for name in ("echo", "pipelined", "sizes", "stream",
                                                         "churn", "work", "rate", "fairness")
                     for shape in SUITES[name]]


def scaling(cpus):
    """One shape for each power of two of loops, up to a loop for each CPU."""
    return [with_loops(1 << power) for power in range(cpus.bit_length()) if 1 << power <= cpus]


# Where five are too few.
ROUNDS = {"stream": 21, "flood": 21, "broadcast": 9}
# A server that is never idle at real-time priority: within its first second the kernel gives
# nothing of its CPU to others.
SECONDS = {"flood": 0.5}


def rounds_of(name, wanted):
    """How often each server has its turn: as often as wanted, else what the suite needs."""
    return wanted or ROUNDS.get(name, 5)


def seconds_of(name, wanted):
    """How long each turn is measured."""
    return wanted or SECONDS.get(name, 1.0)


def shapes_of(name, cpus):
    """The shapes of a suite on a machine with so many CPUs; none for a suite without shapes."""
    if name == "scaling":
        return scaling(cpus)
    return SUITES.get(name, [])
