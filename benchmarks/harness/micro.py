"""Runs the programs that time one data structure each, and collects what they report."""

import json
import subprocess
import sys


def programs(directory):
    """The micro-benchmarks that were built, by name."""
    folder = directory / "benchmarks" / "micro"
    return sorted(path for path in folder.glob("*_benchmark") if path.is_file())


def parse(text):
    """Rows of name and nanoseconds per operation from Google Benchmark's JSON.

    One that reports items and bytes works through a stream: its operation is one item of that.
    """
    def nanoseconds(entry):
        if "bytes_per_second" in entry and "items_per_second" in entry:
            return 1e9 / entry["items_per_second"]
        return entry["cpu_time"]
    return [{"name": entry["name"], "nanoseconds": nanoseconds(entry)}
            for entry in json.loads(text)["benchmarks"]
            if entry.get("aggregate_name", "median") == "median"]


def measure(directory, rounds):
    rows = []
    for program in programs(directory):
        print(f"running {program.name}", file=sys.stderr)
        result = subprocess.run(
            [str(program), "--benchmark_format=json", f"--benchmark_repetitions={rounds}",
             "--benchmark_report_aggregates_only=true", "--benchmark_min_time=0.1"],
            capture_output=True, text=True)
        if result.returncode != 0:
            raise RuntimeError(f"{program.name}: {result.stderr.strip()}")
        rows += parse(result.stdout)
    return rows
