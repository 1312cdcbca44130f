"""examples/redis beside redis-server: both on one CPU, asked in turn by redis-benchmark on another.

redis-benchmark is slower than either server. A share of the CPU, such as 0.5, is therefore all that
each server gets, by a cgroup (cgroups(7)), for which the harness must be root; the requests a
second are the servers' own then.
"""

import contextlib
import os
import pathlib
import re
import socket
import subprocess
import sys
import time

from harness import measure as measuring
from harness import summary

REQUESTS = 1_000_000
PIPELINE = 16
PERIOD_US = 10_000


@contextlib.contextmanager
def cgroup(share):
    """The file that puts a process under the quota; /dev/null when there is none."""
    if share is None:
        yield "/dev/null"
        return
    quota = int(PERIOD_US * share)
    if os.path.isdir("/sys/fs/cgroup/cpu"):
        folder = pathlib.Path("/sys/fs/cgroup/cpu/rondo-redis")
        limits = {"cpu.cfs_period_us": PERIOD_US, "cpu.cfs_quota_us": quota}
    else:
        folder = pathlib.Path("/sys/fs/cgroup/rondo-redis")
        limits = {"cpu.max": f"{quota} {PERIOD_US}"}
    folder.mkdir()
    try:
        for name, value in limits.items():
            (folder / name).write_text(str(value), encoding="utf-8")
        yield folder / "cgroup.procs"
    finally:
        folder.rmdir()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def running(command, port, cpus, group):
    """The process of a server that listens on `port`; ended with the context."""
    process = subprocess.Popen(
        ["sh", "-c", f'echo $$ > {group}; exec "$@"', "sh", *map(str, command)],
        stdout=subprocess.DEVNULL, preexec_fn=lambda: os.sched_setaffinity(0, cpus))
    try:
        deadline = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"{command[0]} does not listen on port {port}") from None
                time.sleep(0.05)
        yield process
    finally:
        process.terminate()
        process.wait()


def cpu_seconds(process):
    # The scheduler's count of nanoseconds, for each thread: finer than the ticks of stat.
    files = pathlib.Path(f"/proc/{process.pid}/task").glob("*/schedstat")
    return sum(int(file.read_text(encoding="utf-8").split()[0]) for file in files) / 1e9


def rate_of(text):
    """The requests a second that redis-benchmark prints last."""
    rates = re.findall(r"([\d.]+) requests per second", text)
    if not rates:
        raise RuntimeError(f"redis-benchmark said: {text.strip()}")
    return float(rates[-1])


def ask(process, port, test, cpus):
    before = cpu_seconds(process)
    result = subprocess.run(
        ["redis-benchmark", "-p", str(port), "-t", test, "-P", str(PIPELINE), "-n", str(REQUESTS),
         "-q"], capture_output=True, text=True, preexec_fn=lambda: os.sched_setaffinity(0, cpus))
    return {"rate": rate_of(result.stdout + result.stderr),
            "cpu": (cpu_seconds(process) - before) / REQUESTS * 1e9}


def rows_of(test, samples):
    """For each server the medians, and the ratios to redis-server, above 1 where it does better."""
    rows = []
    for name, own in samples.items():
        redis = samples["redis"]
        rows.append({
            "name": f"{test} {name}",
            "requests_per_second": summary.median([sample["rate"] for sample in own]),
            "nanoseconds": summary.median([sample["cpu"] for sample in own]),
            "rate_ratio": summary.median(summary.ratios_to(own, redis, "rate")),
            "cpu_ratio": summary.median(summary.ratios_to(redis, own, "cpu")),
        })
    return rows


def measure(program, rounds, share):
    """Rows for `set` and `get`: each server has its turn in every round."""
    place = measuring.Placement(1)
    ports = {"rondo": free_port(), "redis": free_port()}
    commands = {
        "rondo": [program, f"--address=tcp://127.0.0.1:{ports['rondo']}", "--loops=1"],
        "redis": ["redis-server", "--port", ports["redis"], "--save", "", "--appendonly", "no"],
    }
    rows = []
    with cgroup(share) as group, contextlib.ExitStack() as stack:
        processes = {name: stack.enter_context(running(command, ports[name], place.server, group))
                     for name, command in commands.items()}
        for test in ("set", "get"):
            samples = {name: [] for name in processes}
            for number in range(rounds):
                print(f"redis: {test}, round {number + 1} of {rounds}", file=sys.stderr)
                for name, process in processes.items():
                    samples[name].append(ask(process, ports[name], test, place.load))
            rows += rows_of(test, samples)
    return rows
