"""What the kernel says about processes: a picture of those that run, for whoever reads of a failure later, and which of them
belong to a test, so that nothing is left behind."""

import collections
import contextlib
import os
import signal
import time

GONE = (FileNotFoundError, ProcessLookupError, PermissionError)


def _read(pid, name):
    """A file of the process's, empty if the process has ended."""
    with contextlib.suppress(*GONE), open(f"/proc/{pid}/{name}", "rb") as file:
        return file.read()
    return b""


def every():
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def stat_of(pid):
    """(its name, its state as a letter, its parent, seconds of processor time); None if it has ended."""
    text = _read(pid, "stat").decode(errors="replace")
    if not text:
        return None
    name, rest = text.split("(", 1)[1].rsplit(")", 1)
    fields = rest.split()
    return name, fields[0], int(fields[1]), (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def descendants_of(ancestor):
    """[(depth, pid)] of all processes below one, zombies included, each after its parent."""
    children = collections.defaultdict(list)
    for pid in every():
        if stat := stat_of(pid):
            children[stat[2]].append(pid)

    def below(pid, depth):
        for child in sorted(children[pid]):
            yield depth, child
            yield from below(child, depth + 1)
    return list(below(ancestor, 0))


def picture_of(ancestor):
    """A line for each process below one: what it is, what it does, and where in the kernel it waits."""
    lines = []
    for depth, pid in descendants_of(ancestor):
        if not (stat := stat_of(pid)):
            continue
        name, state, _, seconds = stat
        command = _read(pid, "cmdline").replace(b"\0", b" ").decode(errors="replace").strip() or f"[{name}]"
        where = _read(pid, "wchan").decode(errors="replace")
        lines.append(f"{'  ' * depth}{pid} {state} {seconds:.2f} s {where if where != '0' else '-'} {command[:150]}")
    load = _read("", "loadavg").decode().strip()
    return "\n".join(lines or ["none"]) + f"\nload: {load}"


def with_environment(mark):
    """The processes that have inherited NAME=VALUE."""
    wanted = b"\0" + mark.encode() + b"\0"
    return [pid for pid in every() if wanted in b"\0" + _read(pid, "environ")]


def command_of(pid):
    return _read(pid, "cmdline").replace(b"\0", b" ").decode(errors="replace").strip()


def end_all(find, patience):
    """Waits until `find` finds no process any more; kills those it still finds then, and returns their command lines."""
    deadline = time.monotonic() + patience
    while (left := find()) and time.monotonic() < deadline:
        time.sleep(0.02)
    commands = [f"{pid} {command_of(pid)}" for pid in left]
    while left:
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)
        left = find()
    return commands
