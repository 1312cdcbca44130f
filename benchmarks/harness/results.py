"""What a run leaves behind: a JSON document and a plot for each suite."""

import datetime
import json
import pathlib

from harness import machine

DIRECTORY = pathlib.Path(__file__).resolve().parents[1] / "results"


def document(suite, arguments, **contents):
    """The contents with everything that is needed to judge and to repeat them."""
    flags = [f"--rounds={arguments.rounds}", f"--seconds={arguments.seconds:g}"]
    if arguments.servers:
        flags.append(f"--servers={arguments.servers}")
    if arguments.poller:
        flags.append(f"--poller={arguments.poller}")
    if arguments.real_time:
        flags.append("--real_time")
    if arguments.cpu_share:
        flags.append(f"--cpu_share={arguments.cpu_share:g}")
    return {
        "suite": suite,
        "command": " ".join(["benchmarks/run", suite, *flags]),
        "date": datetime.date.today().isoformat(),
        "machine": machine.describe(machine.wanted_packages()),
        **contents,
    }


def save(directory, contents, plot):
    directory.mkdir(parents=True, exist_ok=True)
    name = contents["suite"]
    (directory / f"{name}.json").write_text(json.dumps(contents, indent=1) + "\n",
                                            encoding="utf-8")
    (directory / f"{name}.svg").write_text(plot, encoding="utf-8")
