"""benchmarks/run [suite] [flags]: builds everything, measures, prints tables, keeps JSON and plots."""

import argparse
import datetime
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from harness import build, machine, measure, packages, servers, suites, summary, tables

RESULTS = pathlib.Path(__file__).resolve().parents[1] / "results"


def parse_arguments():
    names = [*suites.SUITES, "all"]
    parser = argparse.ArgumentParser(prog="benchmarks/run", description=__doc__)
    parser.add_argument("suite", nargs="?", default="quick", choices=names, metavar="suite",
                        help=" ".join(names))
    parser.add_argument("--rounds", type=int, default=5, help="how often each server has its turn")
    parser.add_argument("--seconds", type=float, default=1.0, help="measuring time of one turn")
    parser.add_argument("--servers", default="", help="a,b,c: only these")
    parser.add_argument("--poller", help="run Rondo on this one only: epoll, io_uring, auto, ...")
    parser.add_argument("--servers_dir", type=pathlib.Path,
                        help="use the programs in this directory, and build and install nothing")
    parser.add_argument("--build_dir", type=pathlib.Path, default=build.ROOT / "build" / "release")
    parser.add_argument("--results_dir", type=pathlib.Path, default=RESULTS)
    return parser.parse_args()


def prepare(arguments):
    names = [name for name in arguments.servers.split(",") if name]
    chosen = servers.select_servers(names, arguments.poller)
    if arguments.servers_dir:
        return servers.find(chosen, arguments.servers_dir)
    packages.ensure(packages.REQUIRED + packages.PEERS)
    return servers.build_all(chosen, arguments.build_dir)


def run_suite(name, fleet, arguments):
    """Measures one suite; returns True when no server made an error."""
    results = []
    for shape in suites.SUITES[name]:
        samples = measure.rounds(fleet, shape, arguments.rounds, arguments.seconds)
        rows = summary.summarise(samples)
        print(tables.table(shape, rows), flush=True)
        results.append({"shape": shape.name, "title": shape.title, "subject": shape.subject,
                        "loops": shape.loops, "rows": rows, "samples": samples})
    save(name, results, arguments)
    return all(row["errors"] == 0 for result in results for row in result["rows"])


def save(name, results, arguments):
    arguments.results_dir.mkdir(parents=True, exist_ok=True)
    document = {
        "suite": name,
        "command": f"benchmarks/run {name} --rounds={arguments.rounds} "
                   f"--seconds={arguments.seconds:g}",
        "date": datetime.date.today().isoformat(),
        "machine": machine.describe(packages.REQUIRED + packages.PEERS),
        "shapes": results,
    }
    path = arguments.results_dir / f"{name}.json"
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def main():
    arguments = parse_arguments()
    fleet = prepare(arguments)
    if not fleet.servers:
        sys.exit("There is no server to measure")
    print(machine.sentence(machine.describe()) + "\n")
    chosen = list(suites.SUITES) if arguments.suite == "all" else [arguments.suite]
    clean = [run_suite(name, fleet, arguments) for name in chosen]
    sys.exit(0 if all(clean) else 1)


if __name__ == "__main__":
    main()
