"""Runs the test programs of one or more build directories and counts their cases.

Every program is registered with meson's test(). One that speaks TAP counts case by case; any other counts as one
case (exit status 77 means skipped). Output: a line per program, each failed case with what it said, each skipped
case with its reason, and at last the names of all that failed and "N passed, N failed, N skipped". Exit status 0
only if nothing failed.

A program that leaves a process, a network namespace or a temporary file behind has failed; what it left is removed, also
after a program that had to be killed.

When a few programs have failed, each is run once more by itself: a machine that others slow down upsets a test now and then.
Such a test is unsteady, which is a defect of its own: what it said is printed, and its name again at the end, but the
second result counts.
"""

import argparse
import concurrent.futures
import dataclasses
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time

import processes

TAP_LINE = re.compile(r"^(not )?ok\b\s*(\d+)?\s*-?\s*(.*?)(?:\s*#\s*(SKIP|TODO)\b\s*(.*))?$", re.IGNORECASE)
TAP_PLAN = re.compile(r"^1\.\.(\d+)(?:\s*#\s*(?:SKIP)\w*\s*(.*))?$", re.IGNORECASE)
OUTPUT_LIMIT = 60000
# The build's definitions say how long a program may take on a machine of its own; this is what a slow and busy one may need,
# and what the sanitizers cost. A limit is there for what hangs.
PATIENCE = {"plain": 4, "asan": 12, "fuzz": 4}
# More failed programs than this are no accident.
MOST_TO_REPEAT = 3
# Which suites each kind of build runs: the fuzzers search with libFuzzer only in the build that has it.
SUITES = {"plain": None, "asan": None, "fuzz": {"fuzz"}}
ENVIRONMENT = {
    "plain": {},
    "asan": {"ASAN_OPTIONS": "detect_stack_use_after_return=1:strict_string_checks=1",
             "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1", "JACINTH_TEST_SANITIZED": "1"},
    "fuzz": {"UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1"},
}


@dataclasses.dataclass
class Case:
    name: str
    outcome: str  # passed, failed, skipped
    detail: str = ""


@dataclasses.dataclass(eq=False)
class Program:
    kind: str
    directory: str  # the build's; paths in the command may be relative to it
    test: dict
    cases: list = dataclasses.field(default_factory=list)
    seconds: float = 0.0

    @property
    def name(self):
        return self.test["name"]

    @property
    def suites(self):
        return {suite.split(":")[-1] for suite in self.test["suite"]}

    def count(self, outcome):
        return sum(case.outcome == outcome for case in self.cases)


def load_programs(kind, directory):
    listing = subprocess.run(["meson", "introspect", "--tests", directory], stdout=subprocess.PIPE, check=True)
    programs = [Program(kind, directory, test) for test in json.loads(listing.stdout)]
    wanted = SUITES[kind]
    return [program for program in programs if wanted is None or wanted & program.suites]


def parse_tap(text):
    """Returns (cases, complete): what follows a failed line up to the next result is that case's detail."""
    cases, planned, extra = [], None, []
    for line in text.splitlines():
        plan, result = TAP_PLAN.match(line), TAP_LINE.match(line)
        if plan:
            planned = int(plan.group(1))
            if planned == 0 and plan.group(2):
                cases.append(Case("all", "skipped", plan.group(2)))
        elif result:
            failed, _, name, directive, reason = result.groups()
            skipped = directive and directive.upper() == "SKIP"
            outcome = "skipped" if skipped else "failed" if failed and not directive else "passed"
            cases.append(Case(name or "unnamed", outcome, reason if skipped else ""))
            extra.append([])
        elif cases and cases[-1].outcome == "failed":
            cases[-1].detail += line + "\n"
    real = sum(not (case.name == "all" and planned == 0) for case in cases)
    return cases, planned is not None and real == planned


def environment_of(program):
    """What the kind of build wants, and what the test's own definition says; sanitizer options add up."""
    environment = dict(os.environ, CK_TIMEOUT_MULTIPLIER=str(PATIENCE[program.kind]), **ENVIRONMENT[program.kind])
    for name, value in program.test.get("env", {}).items():
        both = name.endswith("SAN_OPTIONS") and name in environment
        environment[name] = f"{environment[name]}:{value}" if both else value
    return environment


def end(process):
    """Ends a program whose time is over; returns what could be seen of it before."""
    seen = processes.picture_of(process.pid)
    os.killpg(process.pid, signal.SIGTERM)  # lets it remove its namespaces, and tell what it was doing
    try:
        process.wait(60)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    return seen


def namespaces_of(folder):
    """Those that a system test with this folder has made (see systest.RUN)."""
    if not os.path.isdir("/run/netns"):
        return []
    return [name for name in os.listdir("/run/netns") if name.startswith(os.path.basename(folder) + "-")]


def remove_leftovers(folder):
    """What a program that has ended left behind, as a list of lines."""
    def descended():
        return processes.with_environment(f"JACINTH_TEST_FOLDER={folder}")
    left = [f"process {line}" for line in processes.end_all(descended, 20)]
    for name in namespaces_of(folder):
        left.append(f"network namespace {name}")
        subprocess.run(["ip", "netns", "delete", name], check=False)
    return left + [f"file {name} in the temporary directory" for name in sorted(os.listdir(folder))]


def run_process(program, folder):
    """Runs the program in a session of its own, with a temporary directory of its own; returns (exit status, or None after
    the time limit; its output; what it said on standard error; what it left behind)."""
    test = program.test
    environment = dict(environment_of(program), TMPDIR=folder, JACINTH_TEST_FOLDER=folder)
    limit = (test.get("timeout") or 30) * PATIENCE[program.kind]
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(test["cmd"], stdin=subprocess.DEVNULL, stdout=output, stderr=errors,
                                   env=environment, cwd=test.get("workdir") or program.directory, start_new_session=True)
        seen = ""
        try:
            status = process.wait(limit)
        except subprocess.TimeoutExpired:
            status = None
            seen = f"\nafter {limit} s these processes were there:\n{end(process)}\n"
        except BaseException:
            end(process)
            remove_leftovers(folder)
            raise
        left = remove_leftovers(folder)
        output.seek(0)
        errors.seek(0)
        return status, output.read().decode(errors="replace"), errors.read().decode(errors="replace") + seen, left


def run_program(program):
    start = time.monotonic()
    try:
        with tempfile.TemporaryDirectory(prefix="jacinth-tests-", ignore_cleanup_errors=True) as folder:
            os.chmod(folder, 0o1777)
            status, output, errors, left = run_process(program, folder)
    except OSError as error:
        program.cases = [Case("the program starts", "failed", str(error))]
        return program
    program.seconds = time.monotonic() - start
    ending = "it ran out of time" if status is None else f"it ended with status {status}"
    if program.test.get("protocol") == "tap":
        program.cases, complete = parse_tap(output)
        if status != 0 and not program.count("failed"):
            program.cases.append(Case("the program ends well", "failed", f"{ending}\n{output}"))
        elif not complete and status is not None:
            program.cases.append(Case("every planned case reports", "failed", f"{ending}\n{output}"))
    else:
        outcome = {0: "passed", 77: "skipped"}.get(status, "failed")
        detail = output.strip() if outcome == "skipped" else f"{ending}\n{output}"
        program.cases = [Case(program.name, outcome, detail)]
    if left:
        program.cases.append(Case("nothing is left behind", "failed", "\n".join(left) + "\n"))
    if errors.strip():
        for case in program.cases:
            if case.outcome == "failed":
                case.detail += errors[-OUTPUT_LIMIT:]
                break
    return program


def print_program(program):
    parts = [f"{program.count(outcome)} {outcome}" for outcome in ("passed", "failed", "skipped")
             if program.count(outcome)]
    print(f"{program.kind:5} {program.name:40} {', '.join(parts) or 'nothing'} ({program.seconds:.1f} s)")
    for case in program.cases:
        if case.outcome == "failed":
            print(f"  FAILED {case.name}")
            for line in case.detail[-OUTPUT_LIMIT:].splitlines():
                print(f"    {line}")
        elif case.outcome == "skipped":
            print(f"  skipped {case.name}: {case.detail.strip() or 'no reason given'}")
    sys.stdout.flush()


def run_all(programs):
    """Programs that may run beside others first, as many as there are processors; then the others one by one."""
    together = [program for program in programs if program.test.get("is_parallel", True)]
    alone = [program for program in programs if not program.test.get("is_parallel", True)]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for done in concurrent.futures.as_completed([pool.submit(run_program, program) for program in together]):
            print_program(done.result())
    for program in alone:
        print_program(run_program(program))


def repeat_failed(programs):
    """Runs what has failed again; returns the programs as they are to be counted and the names of unsteady cases."""
    failed = [program for program in programs if program.count("failed")]
    if not 0 < len(failed) <= MOST_TO_REPEAT:
        return programs, []
    counted, unsteady = list(programs), []
    for program in failed:
        print(f"again: {program.kind} {program.name}")
        again = run_program(Program(program.kind, program.directory, program.test))
        print_program(again)
        counted[counted.index(program)] = again
        still = {case.name for case in again.cases if case.outcome == "failed"}
        unsteady += [f"{program.kind} {program.name}: {case.name}" for case in program.cases
                     if case.outcome == "failed" and case.name not in still]
    return counted, unsteady


def choose(programs, names):
    """A name chooses a suite, or the programs in whose names it occurs."""
    if not names:
        return programs
    return [program for program in programs
            if any(name in program.suites or name in program.name for name in names)]


def main():
    parser = argparse.ArgumentParser(prog="./jacinth test")
    parser.add_argument("--state", required=True, help="the directory that holds the build directories")
    parser.add_argument("builds", nargs="+", metavar="KIND=DIRECTORY")
    arguments, names = sys.argv[1:], []
    if "--" in arguments:
        split = arguments.index("--")
        arguments, names = arguments[:split], [name for name in arguments[split + 1:] if not name.startswith("-")]
    options = parser.parse_args(arguments)
    programs = []
    for build in options.builds:
        kind, directory = build.split("=", 1)
        programs += choose(load_programs(kind, os.path.join(options.state, directory)), names)
    if not programs:
        print(f"no test matches {' '.join(names) or 'the chosen builds'}", file=sys.stderr)
        return 2
    run_all(programs)
    programs, unsteady = repeat_failed(programs)
    for name in unsteady:
        print(f"unsteady (failed once, passed when run again): {name}")
    for program in programs:
        for case in program.cases:
            if case.outcome == "failed":
                print(f"failed: {program.kind} {program.name}: {case.name}")
    totals = {outcome: sum(program.count(outcome) for program in programs)
              for outcome in ("passed", "failed", "skipped")}
    print(", ".join(f"{number} {outcome}" for outcome, number in totals.items()))
    return 1 if totals["failed"] else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
