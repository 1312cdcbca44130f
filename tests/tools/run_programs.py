"""Runs the test programs of a build folder, as many at once as there are CPUs, and counts their
GoogleTest cases. The last line is "N passed, M failed", with ", K skipped" where some were. A
program that crashes, hangs or fails without a failed case counts as one failed case of its own.
"""

import argparse
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

SANITIZED_SLOWDOWN = 5
running = set()  # the process groups to end when this program is ended


class Outcome:
    """What became of one program."""

    def __init__(self):
        self.passed = 0
        self.skipped = 0
        self.failures = []  # the names of what failed
        self.output = ""
        self.seconds = 0.0

    def count(self, report):
        for suite in report["testsuites"]:
            for case in suite["testsuite"]:
                if case.get("failures"):
                    self.failures.append(f"{suite['name']}.{case['name']}")
                elif case["result"] == "SKIPPED":
                    self.skipped += 1
                elif case["status"] == "RUN":
                    self.passed += 1


def kill_group(leader):
    try:
        os.killpg(leader, signal.SIGKILL)
    except ProcessLookupError:
        pass


def end_early(signal_number, _):
    for leader in list(running):
        kill_group(leader)
    os._exit(128 + signal_number)


def run_program(test, gtest_filter, slowdown):
    outcome = Outcome()
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="rondo-test-") as scratch:
        report = pathlib.Path(scratch, "report.json")
        output = pathlib.Path(scratch, "output")
        command = test["cmd"] + [f"--gtest_output=json:{report}"]
        if gtest_filter:
            command.append(f"--gtest_filter={gtest_filter}")
        with output.open("wb") as sink:
            # A session of its own: whatever it leaves behind is found, and ends with it.
            program = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink, cwd=scratch,
                env=os.environ | test["env"], start_new_session=True)
            running.add(program.pid)
            try:
                status = program.wait(test["timeout"] * slowdown)
            except subprocess.TimeoutExpired:
                status = None
            kill_group(program.pid)
            running.discard(program.pid)
            program.wait()
        outcome.seconds = time.monotonic() - started
        outcome.output = output.read_text(errors="replace")
        if report.exists():
            outcome.count(json.loads(report.read_text()))
        if status is None:
            outcome.failures.append(f"{test['name']}: took over {test['timeout'] * slowdown} s")
        elif status < 0:
            outcome.failures.append(f"{test['name']}: died of {signal.Signals(-status).name}")
        elif status > 0 and not outcome.failures:
            when = "though no case failed" if report.exists() else "before its end"
            outcome.failures.append(f"{test['name']}: exit status {status} {when}")
    return outcome


def show(test, outcome, verbose):
    counts = f"{outcome.passed} passed"
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
        tests = [test for test in tests if test["name"] in arguments.suite]
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
    skipped = sum(outcome.skipped for outcome in outcomes)
    for name in failures:
        print(f"FAILED {name}")
    if not passed and not failures:
        print("no test ran")
    print(f"{passed} passed, {len(failures)} failed" + (f", {skipped} skipped" if skipped else ""))
    return 1 if failures or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
