"""benchmarks/run [suite] [flags]: builds, measures, prints tables, keeps JSON and plots."""

import argparse
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from harness import build, bundle, machine, network, results, runs, servers, suites


def parse_arguments():
    names = [*runs.names(), "all"]
    parser = argparse.ArgumentParser(
        prog="benchmarks/run", description=__doc__,
        epilog="benchmarks/run bundle --servers_dir=DIR builds static programs into DIR, to be "
               "carried, with this folder, to a machine where nothing can be installed.")
    parser.add_argument("suite", nargs="?", default="quick", choices=[*names, "bundle"],
                        metavar="suite", help=", ".join(names))
    parser.add_argument("--rounds", type=int,
                        help="how often each server has its turn; 5, or what the suite needs")
    parser.add_argument("--seconds", type=float,
                        help="measuring time of one turn; 1, or what the suite needs")
    parser.add_argument("--servers", default="", help="a,b,c: only these")
    parser.add_argument("--poller", help="run Rondo on this one only: epoll, io_uring, auto, ...")
    parser.add_argument("--real_time", action="store_true",
                        help="servers at real-time priority, where other programs want their CPU: "
                             "with --seconds=0.5, or the kernel gives these 50 ms of each second")
    parser.add_argument("--cpu_share", type=float,
                        help="redis: such as 0.5, each server gets no more of its CPU; as root")
    parser.add_argument("--servers_dir", type=pathlib.Path,
                        help="use the programs in this directory, and build and install nothing")
    parser.add_argument("--build_dir", type=pathlib.Path,
                        default=build.ROOT / "build" / "benchmarks")
    parser.add_argument("--results_dir", type=pathlib.Path, default=results.DIRECTORY)
    return parser.parse_args()


def prepare(arguments):
    """The servers to measure, built unless they are ready-made."""
    names = [name for name in arguments.servers.split(",") if name]
    chosen = servers.select_servers(names, arguments.poller)
    if arguments.servers_dir:
        return servers.find(chosen, arguments.servers_dir)
    return servers.build_all(chosen, arguments.build_dir)


def main():
    arguments = parse_arguments()
    if arguments.suite == "bundle":
        return bundle.make(arguments.servers_dir)
    wanted = runs.names() if arguments.suite == "all" else [arguments.suite]
    built = prepare(arguments)
    network.prepare()  # Building may have needed the network of the machine.
    fleet = servers.those_that_start(built)
    if not fleet.servers:
        sys.exit("There is no server to measure")
    print(machine.sentence(machine.describe()) + "\n")
    cpus = len(os.sched_getaffinity(0))
    try:
        clean = [runs.run(name, fleet, arguments, suites.shapes_of(name, cpus)) for name in wanted]
    except RuntimeError as error:
        sys.exit(str(error))
    sys.exit(0 if all(clean) else 1)


if __name__ == "__main__":
    main()
