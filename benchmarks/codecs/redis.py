#!/usr/bin/env python3
"""examples/redis beside redis-server: both on CPU 0, asked in turn by redis-benchmark on CPU 1.

    benchmarks/codecs/redis.py build/release/examples/redis [ROUNDS [SHARE]]

Prints, for each command, the median of requests a second and of the server's own CPU time for each
request, and the ratios. redis-benchmark is slower than either server: so as root a SHARE of CPU 0,
such as 0.5, is all that each of these gets (cgroups(7)), and the requests a second are theirs.
"""
import contextlib
import os
import re
import socket
import statistics
import subprocess
import sys
import time

REQUESTS = 1_000_000
PIPELINE = 16


@contextlib.contextmanager
def cgroup(share):
    """The file that puts a process under the quota; /dev/null when there is none."""
    if share is None:
        yield '/dev/null'
        return
    period = 10_000  # microseconds
    quota = int(period * share)
    if os.path.isdir('/sys/fs/cgroup/cpu'):
        folder = '/sys/fs/cgroup/cpu/rondo-redis'
        limits = {'cpu.cfs_period_us': period, 'cpu.cfs_quota_us': quota}
    else:
        folder = '/sys/fs/cgroup/rondo-redis'
        limits = {'cpu.max': f'{quota} {period}'}
    os.mkdir(folder)
    try:
        for name, value in limits.items():
            with open(f'{folder}/{name}', 'w') as file:
                file.write(str(value))
        yield f'{folder}/cgroup.procs'
    finally:
        os.rmdir(folder)


def start(command, port, group):
    join = f'echo $$ > {group}; exec taskset -c 0 "$@"'
    process = subprocess.Popen(['sh', '-c', join, 'sh', *command], stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            socket.create_connection(('127.0.0.1', port), 1).close()
            return process
        except OSError:
            time.sleep(0.05)
    sys.exit(f'{command[0]} does not listen on port {port}')


def cpu_seconds(process):
    # The scheduler's count of nanoseconds, for each thread: finer than the ticks of stat.
    total = 0
    for task in os.listdir(f'/proc/{process.pid}/task'):
        with open(f'/proc/{process.pid}/task/{task}/schedstat') as file:
            total += int(file.read().split()[0])
    return total / 1e9


def ask(process, port, test):
    before = cpu_seconds(process)
    output = subprocess.run(
        ['taskset', '-c', '1', 'redis-benchmark', '-p', str(port), '-t', test, '-P', str(PIPELINE),
         '-n', str(REQUESTS), '-q'], capture_output=True, text=True, check=True).stdout
    rates = re.findall(r'([\d.]+) requests per second', output)
    return float(rates[-1]), (cpu_seconds(process) - before) / REQUESTS * 1e9


def compare(test, servers, rounds):
    results = {name: [] for name in servers}
    for _ in range(rounds):
        for name, (process, port) in servers.items():
            results[name].append(ask(process, port, test))
    rate = {name: statistics.median(r[0] for r in results[name]) for name in servers}
    cpu = {name: statistics.median(r[1] for r in results[name]) for name in servers}
    for name in servers:
        print(f'{test} {name}: {rate[name]:.0f} requests/s, {cpu[name]:.0f} ns of CPU each')
    print(f'{test} ratio: {rate["rondo"] / rate["redis"]:.2f} in requests/s, '
          f'{cpu["redis"] / cpu["rondo"]:.2f} in requests for a second of CPU')


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    share = float(sys.argv[3]) if len(sys.argv) > 3 else None
    redis = ['redis-server', '--port', '7380', '--save', '', '--appendonly', 'no']
    with cgroup(share) as group:
        servers = {
            'rondo': (start([sys.argv[1], '--address=tcp://127.0.0.1:7379'], 7379, group), 7379),
            'redis': (start(redis, 7380, group), 7380),
        }
        try:
            for test in ('set', 'get'):
                compare(test, servers, rounds)
        finally:
            for process, _ in servers.values():
                process.terminate()
                process.wait()


if __name__ == '__main__':
    main()
