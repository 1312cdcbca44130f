#!/usr/bin/env python3
"""examples/redis beside redis-server: both on CPU 0, asked in turn by redis-benchmark on CPU 1.

    benchmarks/codecs/redis.py build/release/examples/redis [ROUNDS]

Prints, for each command, the median of requests a second and of the server's own CPU time for each
request, and the ratios. Where the client is the slower one the first says little, the second all.
"""
import os
import re
import socket
import statistics
import subprocess
import sys
import time

REQUESTS = 1_000_000
PIPELINE = 16


def start(command, port):
    process = subprocess.Popen(['taskset', '-c', '0', *command], stdout=subprocess.DEVNULL)
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


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    servers = {
        'rondo': (start([sys.argv[1], '--address=tcp://127.0.0.1:7379'], 7379), 7379),
        'redis': (start(['redis-server', '--port', '7380', '--save', '', '--appendonly', 'no'],
                        7380), 7380),
    }
    try:
        for test in ('set', 'get'):
            results = {name: [] for name in servers}
            for _ in range(rounds):
                for name, (process, port) in servers.items():
                    results[name].append(ask(process, port, test))
            rate = {n: statistics.median(r[0] for r in results[n]) for n in servers}
            cpu = {n: statistics.median(r[1] for r in results[n]) for n in servers}
            for name in servers:
                print(f'{test} {name}: {rate[name]:.0f} requests/s, {cpu[name]:.0f} ns of CPU each')
            print(f'{test} ratio: {rate["rondo"] / rate["redis"]:.2f} in requests/s, '
                  f'{cpu["redis"] / cpu["rondo"]:.2f} in requests for a second of CPU')
    finally:
        for process, _ in servers.values():
            process.terminate()
            process.wait()


if __name__ == '__main__':
    main()
