"""Runs the test programs of a build folder, as many at once as there are CPUs, and counts their
GoogleTest cases. The last line is "N passed, M failed", with ", K skipped" where some were, each
reason for which stands before it. A program that crashes, hangs, prints without bound or fails
without a failed case counts as one failed case of its own.
"""

import argparse
import collections
import concurrent.futures
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree

SANITIZED_SLOWDOWN = 5
# What a program may print before it is ended, and how much of either end of it is shown.
MOST_PRINTED = 16 << 20
MOST_SHOWN = 1 << 20
running = set()  # the process groups to end when this program is ended


class Outcome:
    """What became of one program."""

    def __init__(self):
        self.passed = 0
        self.skipped = []  # the reason for each
        self.failures = []  # the names of what failed
        self.output = ""
        self.seconds = 0.0

    def count(self, report):
        for case in xml.etree.ElementTree.fromstring(report).iter("testcase"):
            if case.find("failure") is not None:
                self.failures.append(f"{case.get('classname')}.{case.get('name')}")
            elif case.get("result") == "skipped":
                self.skipped.append(reason(case))
            elif case.get("status") == "run":
                self.passed += 1


def reason(case):
    """Why a case was skipped, in one line."""
    skipped = case.find("skipped")
    # The place in the source comes first, which differs where the reason is the same.
    _, _, text = (skipped.get("message", "") if skipped is not None else "").partition("\n")
    return " ".join(text.removeprefix("Skipped").split()) or "no reason given"


def kill_group(leader):
    try:
        os.killpg(leader, signal.SIGKILL)
    except ProcessLookupError:
        pass


def end_early(signal_number, _):
    for leader in list(running):
        kill_group(leader)
    os._exit(128 + signal_number)


def read_output(path):
    """What a program has printed, without the middle of what is too long to be read."""
    size = path.stat().st_size
    with path.open("rb") as file:
        if size <= 2 * MOST_SHOWN:
            return file.read().decode(errors="replace")
        first = file.read(MOST_SHOWN).decode(errors="replace")
        file.seek(size - MOST_SHOWN)
        last = file.read().decode(errors="replace")
    return f"{first}\n[{size - 2 * MOST_SHOWN} bytes are left out here]\n{last}"


def wait_for(program, output, seconds):
    """Its status, or None when it goes on for too long, or "flood" when it prints too much."""
    end = time.monotonic() + seconds
    while True:
        try:
            return program.wait(min(0.2, max(0, end - time.monotonic())))
        except subprocess.TimeoutExpired:
            if output.stat().st_size > MOST_PRINTED:
                return "flood"
            if time.monotonic() >= end:
                return None


def run_program(test, gtest_filter, slowdown):
    outcome = Outcome()
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="rondo-test-") as scratch:
        report = pathlib.Path(scratch, "report.xml")
        output = pathlib.Path(scratch, "output")
        command = test["cmd"] + [f"--gtest_output=xml:{report}"]
        if gtest_filter:
            command.append(f"--gtest_filter={gtest_filter}")
        with output.open("wb") as sink:
            # A session of its own: whatever it leaves behind is found, and ends with it.
            program = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink, cwd=scratch,
                env=os.environ | test["env"], start_new_session=True)
            running.add(program.pid)
            status = wait_for(program, output, test["timeout"] * slowdown)
            kill_group(program.pid)
            running.discard(program.pid)
            program.wait()
        outcome.seconds = time.monotonic() - started
        outcome.output = read_output(output)
        if report.exists():
            try:
                outcome.count(report.read_text(errors="replace"))
            except xml.etree.ElementTree.ParseError as error:
                outcome.failures.append(f"{test['name']}: its report cannot be read: {error}")
        if status == "flood":
            outcome.failures.append(f"{test['name']}: printed over {MOST_PRINTED >> 20} MiB")
        elif status is None:
            outcome.failures.append(f"{test['name']}: took over {test['timeout'] * slowdown} s")
        elif status < 0:
            outcome.failures.append(f"{test['name']}: died of {signal.Signals(-status).name}")
        elif status > 0 and not outcome.failures:
            when = "though no case failed" if report.exists() else "before its end"
            outcome.failures.append(f"{test['name']}: exit status {status} {when}")
    return outcome


def show(test, outcome, verbose):
    counts = f"{outcome.passed} passed"
    if outcome.skipped:
        counts += f", {len(outcome.skipped)} skipped"
    if outcome.failures:
        counts += f", {len(outcome.failures)} failed"
        quiet_cases = r"^\[ RUN      \] .*\n\[       OK \] .*\n"
        print(outcome.output if verbose else re.sub(quiet_cases, "", outcome.output, flags=re.M))
    elif verbose:
        print(outcome.output)
    if outcome.passed or outcome.skipped or outcome.failures:
        print(f"{test['name']:<16} {counts} ({outcome.seconds:.1f} s)", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--suite", action="append", help="only the programs named")
    parser.add_argument("--filter", action="append", help="see tests/run")
    parser.add_argument("--verbose", action="store_true")
    arguments = parser.parse_args()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end_early)

    info = arguments.build / "meson-info"
    tests = json.loads((info / "intro-tests.json").read_text())
    if arguments.suite:
        tests = [test for test in tests if test["name"].partition("/")[0] in arguments.suite]
    gtest_filter = ":".join(
        text if re.search(r"[*?:-]", text) else f"*{text}*" for text in arguments.filter or [])
    options = json.loads((info / "intro-buildoptions.json").read_text())
    sanitized = any(o["name"] == "b_sanitize" and o["value"] != "none" for o in options)

    def run(test):
        return run_program(test, gtest_filter, SANITIZED_SLOWDOWN if sanitized else 1)

    outcomes = []
    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        # The long ones first, so that none is left running alone at the end.
        parallel = sorted((t for t in tests if t["is_parallel"]), key=lambda t: -t["timeout"])
        started = {pool.submit(run, test): test for test in parallel}
        for done in concurrent.futures.as_completed(started):
            outcomes.append(done.result())
            show(started[done], outcomes[-1], arguments.verbose)
    for test in tests:
        if not test["is_parallel"]:
            outcomes.append(run(test))
            show(test, outcomes[-1], arguments.verbose)

    failures = [name for outcome in outcomes for name in outcome.failures]
    passed = sum(outcome.passed for outcome in outcomes)
    skipped = [reason for outcome in outcomes for reason in outcome.skipped]
    for why, count in collections.Counter(skipped).most_common():
        print(f"SKIPPED {count}: {why}")
    for name in failures:
        print(f"FAILED {name}")
    if not passed and not failures:
        print("no test ran")
    ending = f", {len(skipped)} skipped" if skipped else ""
    print(f"{passed} passed, {len(failures)} failed{ending}")
    return 1 if failures or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
