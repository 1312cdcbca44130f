"""Static programs in one folder, for a machine on which nothing can be built or installed."""

import shutil
import sys

from harness import build, packages, servers


def make(directory):
    """Fills `directory` with the generator, Rondo's echo and every peer that links statically."""
    if directory is None:
        sys.exit("bundle: say where to, with --servers_dir=DIR")
    packages.ensure(packages.REQUIRED + packages.PEERS)
    built = build.ROOT / "build" / "static"
    build.meson(built, ["-Dprefer_static=true", "-Dcpp_link_args=-static", "-Dcpp_args=-pthread"])
    fleet = servers.build_all(servers.select_servers([]), built)
    directory.mkdir(parents=True, exist_ok=True)
    for name in ["load", *(server.name for server in fleet.servers)]:
        program = fleet.program(name)
        shutil.copy2(program, directory / program.name)
    print(f"Carry {directory} and benchmarks/ over, and type there:\n"
          f"  benchmarks/run scaling --servers_dir={directory}")
