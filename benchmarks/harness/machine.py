"""What the figures were measured on: kernel, processor, tools and libraries."""

import os
import platform
import re
import shutil
import subprocess

from harness import network


def first_line(command):
    """The first line that a command prints, or None when it is missing or fails."""
    if shutil.which(command[0]) is None:
        return None
    result = subprocess.run(command, capture_output=True, text=True)
    lines = (result.stdout or result.stderr).splitlines()
    return lines[0].strip() if result.returncode == 0 and lines else None


def processor():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        match = re.search(r"^model name\s*:\s*(.+)$", file.read(), re.MULTILINE)
    return match.group(1) if match else platform.machine()


def memory_gib():
    with open("/proc/meminfo", encoding="utf-8") as file:
        kib = int(re.search(r"^MemTotal:\s*(\d+)", file.read(), re.MULTILINE).group(1))
    return round(kib / 1024 / 1024, 1)


def wanted_packages():
    """The Debian packages that benchmarks/run builds with; none for ready-made programs."""
    return os.environ.get("BENCHMARK_PACKAGES", "").split()


def package_versions(packages):
    """Versions of installed Debian packages, by name."""
    if not packages or shutil.which("dpkg-query") is None:
        return {}
    result = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Package} ${Version}\n", *packages],
        capture_output=True, text=True)
    pairs = (line.split(" ", 1) for line in result.stdout.splitlines())
    return {name: version for name, version in pairs if version}


def describe(packages=()):
    """Everything that a reader needs in order to judge a figure."""
    return {
        "kernel": platform.release(),
        "processor": processor(),
        "cpus": len(os.sched_getaffinity(0)),
        "memory_gib": memory_gib(),
        "congestion_control": network.congestion_control(),
        "compiler": first_line(["c++", "--version"]),
        "go": first_line(["go", "version"]),
        "rust": first_line(["rustc", "--version"]),
        "packages": package_versions(packages),
    }


def sentence(machine):
    return (f"Linux {machine['kernel']}, {machine['processor']}, {machine['cpus']} CPUs, "
            f"{machine['memory_gib']} GiB, TCP {machine['congestion_control']}")
