"""Builds the servers, the generator and the peers, all of them optimised.

C++ goes through Meson into build/benchmarks (build/release is what examples/run sets up, without
them), Go and Rust through their own tools into build/peers.
What cannot be built because a tool is missing is reported and left out.
"""

import os
import pathlib
import shutil
import subprocess
import sys

from harness import machine

ROOT = pathlib.Path(__file__).resolve().parents[2]
PEER_SOURCES = ROOT / "benchmarks" / "peers"
PEER_PROGRAMS = ROOT / "build" / "peers"


def _run(command, **options):
    """Runs a build step quietly; shows what it said only when it fails."""
    result = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True, **options)
    if result.returncode != 0:
        sys.stderr.write(result.stdout[-6000:])
    return result.returncode == 0


def meson(directory, options=(), targets=()):
    """Builds in `directory`, which it configures first where needed. Failure ends the run.

    `targets`: only those of these that there are; empty: everything.
    """
    # Meson looks for a library only when it configures: again after one was installed.
    installed = " ".join(sorted(machine.package_versions(machine.wanted_packages())))
    known = directory / "packages"
    configured = (directory / "build.ninja").exists()
    if not configured or not known.exists() or known.read_text(encoding="utf-8") != installed:
        print(f"Configuring {directory}", file=sys.stderr)
        if not _run(["meson", "setup", *(["--reconfigure"] if configured else []), directory, ROOT,
                     "--buildtype=release", "-Dbenchmarks=true", "-Db_ndebug=true", *options]):
            sys.exit("meson setup failed")
        known.write_text(installed, encoding="utf-8")
    print(f"Building {directory}", file=sys.stderr)
    rules = (directory / "build.ninja").read_text(encoding="utf-8")
    chosen = [target for target in targets if f"\nbuild {target}:" in rules]
    jobs = os.environ.get("JOBS", os.cpu_count())
    if not _run(["ninja", "-C", directory, "-j", jobs, *chosen]):
        sys.exit("The build failed")


def go(program, source, tags=""):
    """Builds one Go peer; False, with a line that says why, where it cannot."""
    if shutil.which("go") is None:
        print(f"Skipping {program}: there is no Go tool chain", file=sys.stderr)
        return False
    PEER_PROGRAMS.mkdir(parents=True, exist_ok=True)
    # Without cgo: none of them calls C, and the program needs no shared library.
    built = _run(["go", "build", f"-tags={tags}", "-trimpath", "-o", PEER_PROGRAMS / program, "."],
                 cwd=PEER_SOURCES / source, env={**os.environ, "CGO_ENABLED": "0"})
    if not built:
        print(f"Skipping {program}: it does not build here", file=sys.stderr)
    return built


def cargo(program, source):
    """Builds one Rust peer; False, with a line that says why, where it cannot."""
    if shutil.which("cargo") is None:
        print(f"Skipping {program}: there is no Rust tool chain", file=sys.stderr)
        return False
    PEER_PROGRAMS.mkdir(parents=True, exist_ok=True)
    target = PEER_PROGRAMS / "cargo"
    built = _run(["cargo", "build", "--release", "--target-dir", target],
                 cwd=PEER_SOURCES / source)
    if not built:
        print(f"Skipping {program}: it does not build here", file=sys.stderr)
        return False
    shutil.copy2(target / "release" / program, PEER_PROGRAMS / program)
    return True
