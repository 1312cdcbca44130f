"""Runs one suite from the first measurement to the saved plot."""

import shutil
import sys

from harness import instructions, measure, micro, plots, results, suites, summary, tables


def names():
    return [*suites.SUITES, "scaling", "instructions", "micro"]


def run(name, fleet, arguments, shapes):
    """True when nothing went wrong: an error of any server is an error of the run."""
    if name == "instructions":
        return _instructions(fleet, arguments)
    if name == "micro":
        return _micro(arguments)
    measured = []
    for shape in shapes:
        if not fleet.servers_of(shape):
            print(f"Skipping {shape.name}: none of its servers is there", file=sys.stderr)
            continue
        samples = measure.rounds(fleet, shape, arguments.rounds, arguments.seconds)
        rows = summary.summarise(samples)
        print(tables.table(shape, rows), flush=True)
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
    """Adds to each row, and prints, its rate divided by loops times the rate of one loop."""
    single = {row["server"]: row["messages_per_second"] for row in measured[0]["rows"]}
    lines = []
    for result in measured:
        for row in result["rows"]:
            linear = single[row["server"]] * result["loops"]
            row["efficiency"] = row["messages_per_second"] / linear if linear else 0.0
            lines.append([row["server"], str(result["loops"]),
                          f"{row['messages_per_second']:,.0f}".replace(",", " "),
                          f"{row['efficiency'] * 100:.0f} %"])
    lines.sort(key=lambda line: (line[0], int(line[1])))
    print(tables.render(["server", "loops", "messages/s", "of linear"], lines) + "\n")


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
