"""How many instructions a server executes in user space for one echoed message.

Valgrind counts them, so noise does not touch the figure, and the kernel's part is left out. Two
runs of different length are subtracted: what start-up and the connections cost cancels out. Go,
Rust and io_uring servers are left out: Valgrind does not know what they ask of the kernel.
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile

from harness import servers

CONNECTIONS = 64
SHORT = 64 * 100
LONG = 64 * 400


def total_of(text):
    """The number of instructions in a Callgrind output file."""
    match = re.search(r"^(?:summary|totals):\s*(\d+)", text, re.MULTILINE)
    if match is None:
        raise RuntimeError("Callgrind wrote no total")
    return int(match.group(1))


def count(fleet, server, messages):
    """Instructions of one server from its start to its end, with so many messages between."""
    with tempfile.TemporaryDirectory() as directory:
        output = pathlib.Path(directory) / "callgrind.out"
        prefix = ["valgrind", "-q", "--tool=callgrind", f"--callgrind-out-file={output}"]
        cpus = os.sched_getaffinity(0)
        with servers.Running(fleet, server, cpus, prefix=prefix) as running:
            command = [str(fleet.load), f"--address={running.address}", f"--messages={messages}",
                       f"--connections={CONNECTIONS}"]
            result = subprocess.run(command, capture_output=True, text=True, timeout=120)
            if result.returncode != 0:
                raise RuntimeError(f"{server.name}: {result.stderr.strip()}")
        return total_of(output.read_text(encoding="utf-8"))


def per_message(fleet, server):
    return (count(fleet, server, LONG) - count(fleet, server, SHORT)) / (LONG - SHORT)


def measure(fleet):
    """Rows of server and instructions per message, for every server that Valgrind can run."""
    rows = []
    for server in fleet.servers:
        if not server.native:
            continue
        print(f"counting {server.name}", file=sys.stderr)
        rows.append({"server": server.name, "instructions": per_message(fleet, server)})
    return rows
