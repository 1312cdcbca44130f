"""Runs one suite from the first measurement to the saved plot."""

import argparse
import shutil
import sys

from harness import (
    instructions, measure, micro, plots, redis, results, servers, suites, summary, tables)


def names():
    return [*suites.SUITES, "scaling", "instructions", "micro", "redis"]


def run(name, fleet, arguments, shapes):
    """True when nothing went wrong: an error of any server is an error of the run."""
    arguments = argparse.Namespace(**{
        **vars(arguments),
        "rounds": suites.rounds_of(name, arguments.rounds),
        "seconds": suites.seconds_of(name, arguments.seconds)})
    if name == "instructions":
        return _instructions(fleet, arguments)
    if name == "micro":
        return _micro(arguments)
    if name == "redis":
        return _redis(arguments)
    measured = []
    for shape in shapes:
        if not fleet.servers_of(shape):
            print(f"Skipping {shape.name}: none of its servers is there", file=sys.stderr)
            continue
        samples = measure.rounds(fleet, shape, arguments.rounds, arguments.seconds,
                                 servers.REAL_TIME if arguments.real_time else servers.USUAL)
        rows = summary.summarise(samples, shape.rivals, shape.reference)
        print(tables.table(shape, rows), flush=True)
        if any(sample.get("io_uring") is False for some in samples.values() for sample in some):
            print("io_uring is refused here, and the generator used epoll, which takes it more CPU "
                  "time: rates and latencies compare with others of that kind only.\n")
        if any(sample.get("real_time") is False for some in samples.values() for sample in some):
            print("The quiet connection's thread had no real-time priority (CAP_SYS_NICE): its "
                  "latencies include waits for the generator's own CPU.\n")
        if measure.Placement(shape.loops).shared:
            print("Server and generator share all CPUs here: only the CPU column means much.\n")
        measured.append({"shape": shape.name, "title": shape.title, "subject": shape.subject,
                         "loops": shape.loops, "rows": rows, "samples": samples})
    if not measured:
        return True
    if name == "scaling":
        _print_efficiency(measured)
    document = results.document(name, arguments, shapes=measured)
    draw = plots.draw_scaling if name == "scaling" else plots.draw
    results.save(arguments.results_dir, document, draw(document))
    return all(row["errors"] == 0 for result in measured for row in result["rows"])


def _print_efficiency(measured):
    """Adds to each row, and prints, what became of one loop's efficiency.

    By messages: the rate divided by loops times the rate of one loop; it says nothing where the
    generator shares the server's CPUs. By CPU: the time that a message costs on one loop divided by
    what it costs here, which holds there too, and misses only time that loops wait for each other.
    """
    single = {row["server"]: row for row in measured[0]["rows"]}
    lines = []
    for result in measured:
        shared = measure.Placement(result["loops"]).shared
        for row in result["rows"]:
            one = single[row["server"]]
            linear = one["messages_per_second"] * result["loops"]
            row["efficiency"] = row["messages_per_second"] / linear if not shared else None
            row["cpu_efficiency"] = one["cpu_us"] / row["cpu_us"]
            lines.append([row["server"], str(result["loops"]),
                          f"{row['messages_per_second']:,.0f}".replace(",", " "),
                          "-" if shared else f"{row['efficiency'] * 100:.0f} %",
                          f"{row['cpu_us']:.2f}", f"{row['cpu_efficiency'] * 100:.0f} %"])
    lines.sort(key=lambda line: (line[0], int(line[1])))
    header = ["server", "loops", "messages/s", "of linear", "CPU us/msg", "of one loop's"]
    print(tables.render(header, lines) + "\n")


def _instructions(fleet, arguments):
    if shutil.which("valgrind") is None:
        print("Skipping instructions: there is no valgrind", file=sys.stderr)
        return True
    rows = instructions.measure(fleet)
    title = "user-space instructions per echoed 64 B message, 64 connections"
    print(title + "\n")
    print(tables.render(["server", "instructions"],
                        [[row["server"], f"{row['instructions']:.0f}"] for row in rows]) + "\n")
    document = results.document("instructions", arguments, rows=rows)
    plot = plots.draw_rows(document, title, "counted by Callgrind; the kernel's are not in it",
                           "server", "instructions")
    results.save(arguments.results_dir, document, plot)
    return True


def _micro(arguments):
    rows = micro.measure(arguments.servers_dir or arguments.build_dir, arguments.rounds)
    if not rows:
        print("Skipping micro: no micro-benchmark was built", file=sys.stderr)
        return True
    print(tables.render(["operation", "ns"],
                        [[row["name"], f"{row['nanoseconds']:.1f}"] for row in rows]) + "\n")
    document = results.document("micro", arguments, rows=rows)
    plot = plots.draw_rows(document, "one operation on one data structure", "ns of CPU time",
                           "name", "nanoseconds")
    results.save(arguments.results_dir, document, plot)
    return True


def _redis(arguments):
    if arguments.servers_dir:
        program = arguments.servers_dir / "redis"
    else:
        program = arguments.build_dir / "examples" / "redis"
    needed = [str(program), "redis-server", "redis-benchmark"]
    for command in needed:
        if shutil.which(command) is None:
            print(f"Skipping redis: there is no {command}", file=sys.stderr)
            return True
    rows = redis.measure(program, arguments.rounds, arguments.cpu_share)
    title = "examples/redis beside redis-server, under redis-benchmark -P 16"
    print(title + "\n")
    print(tables.render(["command", "requests/s", "CPU ns/request", "requests/s ratio",
                         "CPU ratio"],
                        [[row["name"], f"{row['requests_per_second']:,.0f}".replace(",", " "),
                          f"{row['nanoseconds']:.0f}", f"{row['rate_ratio']:.2f}",
                          f"{row['cpu_ratio']:.2f}"] for row in rows]) + "\n")
    document = results.document("redis", arguments, rows=rows)
    plot = plots.draw_rows(document, title, "ns of the server's CPU time for a request", "name",
                           "nanoseconds")
    results.save(arguments.results_dir, document, plot)
    return True
