"""Installs what the benchmarks need and the machine lacks, and says so first."""

import os
import shutil
import subprocess
import sys

REQUIRED = [
    "g++", "meson", "ninja-build", "pkg-config", "cmake",
    "libabsl-dev", "liburing-dev", "libmimalloc-dev", "libgtest-dev",
]
# A peer whose package cannot be had is skipped, not an error.
PEERS = ["libevent-dev", "libuv1-dev", "libasio-dev"]
MICRO = ["libbenchmark-dev"]
INSTRUCTIONS = ["valgrind"]
REDIS = ["redis-server", "redis-tools"]


def missing(packages):
    """Those of `packages` that are not installed."""
    result = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Package} ${db:Status-Abbrev}\n", *packages],
        capture_output=True, text=True)
    installed = {line.split()[0] for line in result.stdout.splitlines()
                 if line.split()[1:2] == ["ii"]}
    return [name for name in packages if name not in installed]


def install_command(packages):
    """The apt command for `packages`, or None where it needs a password or another system."""
    command = ["apt-get", "install", "-y", "--no-install-recommends", *packages]
    if os.geteuid() == 0:
        return command
    if shutil.which("sudo") and subprocess.run(["sudo", "-n", "true"],
                                               capture_output=True).returncode == 0:
        return ["sudo", *command]
    return None


def ensure(packages):
    """Installs what is missing; ends the program with the command to type where it cannot."""
    if shutil.which("dpkg-query") is None or shutil.which("apt-get") is None:
        print("This is not a Debian system; the build will say what it misses of:",
              " ".join(packages), file=sys.stderr)
        return
    lacking = missing(packages)
    if not lacking:
        return
    command = install_command(lacking)
    if command is None:
        sys.exit("These packages are missing; install them and start again:\n"
                 f"  sudo apt-get install {' '.join(lacking)}")
    print("Installing", " ".join(lacking), file=sys.stderr)
    if subprocess.run(command, stdout=subprocess.DEVNULL).returncode != 0:
        sys.exit(f"Failed: {' '.join(command)}\n(Try apt-get update first.)")
