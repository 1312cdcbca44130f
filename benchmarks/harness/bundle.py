"""Static programs in one folder, for a machine on which nothing can be built or installed."""

import os
import shutil
import sys

from harness import build, servers


# Debian's mimalloc is found as a shared library, so here every program keeps libc's allocator.
OPTIONS = ("-Dprefer_static=true", "-Dcpp_link_args=-static", "-Dmimalloc=disabled")


def targets_of(chosen):
    """Only the programs: Rondo's shared library cannot be linked with -static."""
    programs = {f"benchmarks/peers/{server.program}" for server in chosen
                if server.kind in ("rondo", "meson")}
    return ["benchmarks/load/load", *sorted(programs)]


def make(directory):
    """Fills `directory` with the generator, Rondo's server and every peer that links statically."""
    if directory is None:
        sys.exit("bundle: say where to, with --servers_dir=DIR")
    os.environ["RUSTFLAGS"] = "-C target-feature=+crt-static"
    built = build.ROOT / "build" / "static"
    chosen = servers.select_servers([])
    fleet = servers.build_all(chosen, built, OPTIONS, targets_of(chosen))
    directory.mkdir(parents=True, exist_ok=True)
    for name in ["load", *(server.name for server in fleet.servers)]:
        program = fleet.program(name)
        shutil.copy2(program, directory / program.name)
    print(f"Carry {directory} and benchmarks/ over, and type there:\n"
          f"  benchmarks/run scaling --servers_dir={directory}")
