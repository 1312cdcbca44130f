"""Runs every server of a fleet through a shape, in turn, for several rounds."""

import json
import os
import subprocess
import sys

from harness import servers


class Placement:
    """Which CPUs the server and the generator get: apart where there are enough."""

    def __init__(self, loops, cpus=None):
        cpus = sorted(cpus if cpus is not None else os.sched_getaffinity(0))
        if loops < len(cpus):
            self.server = set(cpus[:loops])
            self.load = set(cpus[loops:])
        else:
            self.server = set(cpus)
            self.load = set(cpus)
        self.shared = bool(self.server & self.load)
        # More generator threads than server loops would only add wake-ups.
        self.load_threads = max(1, min(len(self.load), loops))


def one_run(fleet, server, shape, seconds, scheduling=servers.USUAL):
    """Starts the server, loads it, stops it; the generator's figures, with errors counted."""
    place = Placement(shape.loops)
    window = max(seconds, shape.at_least_seconds)
    threads = shape.load_threads or place.load_threads
    with servers.Running(fleet, server, place.server, shape.loops,
                         shape.server_flags, scheduling=scheduling) as running:
        command = [str(fleet.load), f"--address={running.address}", f"--server_pid={running.pid}",
                   f"--seconds={window}", f"--threads={threads}", *shape.flags]
        result = subprocess.run(command, capture_output=True, text=True, timeout=window + 300,
                                preexec_fn=lambda: os.sched_setaffinity(0, place.load))
    try:
        sample = json.loads(result.stdout)
    except json.JSONDecodeError:
        raise RuntimeError(f"{server.name}: the generator said: {result.stderr.strip()}") from None
    if sample["errors"]:
        print(f"{server.name}: {sample['errors']} errors, the first: {sample['first_error']}",
              file=sys.stderr)
    return sample


def rounds(fleet, shape, count, seconds, scheduling=servers.USUAL):
    """Samples by server, one a round. Each round begins with another server."""
    chosen = fleet.servers_of(shape)
    samples = {server.name: [] for server in chosen}
    for number in range(count):
        first = number % len(chosen)
        for server in chosen[first:] + chosen[:first]:
            print(f"\r{shape.name}: round {number + 1} of {count}, {server.name:<16}",
                  end="", file=sys.stderr, flush=True)
            samples[server.name].append(one_run(fleet, server, shape, seconds, scheduling))
    print("\r" + " " * 70 + "\r", end="", file=sys.stderr)
    return samples
