"""Streams through the whole system: program, netstack and Ethernet driver beside the kernel and beside other user-space stacks.

The program that asks and the one that answers are the same everywhere (stream_program.c). Two places, in each of which
everything does the same job:
  a kernel at the other end of the link   the kernel's sockets over a veth pair | jacinth over a TAP device, with the
                                          device's offloads and without
  a server on the host's loopback         jacinth over slirp | slirp4netns | pasta, with an MTU of 1500 and of 65520
All environments stand at once, each in network namespaces of its own, and take turns case by case; the rows are medians of
the rounds, jacinth's once beside each of the others with the same MTU.

Processor time is that of all processes an environment has: the program, the server, whatever carries the packets between them
(netstack, driver and component manager; slirp4netns; pasta), and the kernel's soft interrupt threads, all to the nanosecond
from schedstat. What a soft interrupt does for a packet counts with the process in whose time it runs.
"""

import argparse
import contextlib
import json
import os
import select
import signal
import statistics
import subprocess
import sys
import time

from systest import (PATIENCE, Failure, Namespace, Package, Skip, TapNetwork, jacinth, require_program, require_root,
                     resources, spawn, stack, wait_until)

SMALL, LARGE = 1500, 65520
CONNECTIONS, TRIPS = 500, 500
RATE, TIME_WAIT_S = 1000, 65

# What is asked, by order: (case, unit, value from the answer's two numbers and the processor time).
GBIT = 8e-9
ORDERS = {
    "up {ms}": (("program to server", "Gbit/s", lambda a, b, cpu: a * GBIT / b),
                ("program to server, processor time", "ns/byte", lambda a, b, cpu: cpu / a)),
    "down {ms}": (("server to program", "Gbit/s", lambda a, b, cpu: a * GBIT / b),
                  ("server to program, processor time", "ns/byte", lambda a, b, cpu: cpu / a)),
    f"connect {CONNECTIONS}": (("connect, one byte, close", "1/s", lambda a, b, cpu: a / b),
                               ("connect, one byte, close, processor time", "us", lambda a, b, cpu: cpu / a / 1000)),
    f"trip 64 {TRIPS}": (("round trip, 64 bytes", "us", lambda a, b, cpu: a),
                         ("round trip, 64 bytes, 99 of 100", "us", lambda a, b, cpu: b)),
}


# Processor time


def _parents():
    """Of each process its parent, and the kernel's soft interrupt threads."""
    parents, kernel = {}, []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError), open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            name, rest = file.read().split("(", 1)[1].rsplit(")", 1)
            parents[int(pid)] = int(rest.split()[1])
            if name.startswith("ksoftirqd/"):
                kernel.append(int(pid))
    return parents, kernel


def _processes(roots):
    """The processes below `roots`, and those that count with everybody."""
    parents, kernel = _parents()
    found = set(roots)
    while True:
        more = {pid for pid, parent in parents.items() if parent in found} - found
        if not more:
            return found.union(kernel)
        found |= more


def _name(pid):
    with contextlib.suppress(OSError), open(f"/proc/{pid}/comm", encoding="utf-8") as file:
        return file.read().strip()
    return "gone"


def _time_ns(pid):
    total = 0
    with contextlib.suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{thread}/schedstat", encoding="ascii") as file:
                total += int(file.read().split()[0])
    return total


def _sleeps(pid):
    """How often a process has gone to sleep."""
    total = 0
    with contextlib.suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{thread}/status", encoding="utf-8") as file:
                total += sum(int(line.split()[1]) for line in file if line.startswith("voluntary_ctxt_switches"))
    return total


# Environments


def choose_congestion(namespace):
    """--congestion, for the kernel's senders in a namespace."""
    if options.congestion:
        namespace.run("sh", "-c", 'echo "$1" >/proc/sys/net/ipv4/tcp_congestion_control', "sh", options.congestion)


class Server:
    """A running `stream_program serve`."""

    def __init__(self, owned, command, address):
        self.address = address
        self.process = spawn(owned, *command, options.program, "serve", address, stdout=subprocess.PIPE)
        self.ports = self.process.stdout.readline().split()


class Environment:
    """A running `stream_program ask`, and the processes whose time counts."""

    def __init__(self, owned, name, mtu, command, address, server, *helpers):
        self.name, self.mtu = name, mtu
        self.process = spawn(owned, *command, "ask", address, *server.ports, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                             bufsize=1)
        self.roots = [self.process.pid, server.process.pid, *helpers]
        self.order("trip 64 20")

    def order(self, text, patience=PATIENCE):
        self.process.stdin.write(text + "\n")
        self.process.stdin.flush()
        ready, _, _ = select.select([self.process.stdout], [], [], patience)
        answer = self.process.stdout.readline().split() if ready else ()
        if len(answer) != 2:
            raise Failure(f"{self.name} gave no answer to {text!r}")
        return float(answer[0]), float(answer[1])

    def measure(self, text):
        """The answer, and the processor time that it took, in ns."""
        before = {pid: (_time_ns(pid), _sleeps(pid)) for pid in _processes(self.roots)}
        answer = self.order(text)
        parts = {}
        for pid in _processes(self.roots):
            began = before.get(pid, (0, 0))
            ns, sleeps = parts.get(_name(pid), (0, 0))
            parts[_name(pid)] = ns + _time_ns(pid) - began[0], sleeps + _sleeps(pid) - began[1]
        if options.verbose:
            shown = ", ".join(f"{name} {ns / answer[0]:.3f} and {sleeps}" for name, (ns, sleeps) in parts.items() if ns)
            print(f"{self.name}: {text}: {answer[0]:.0f} {answer[1]:.4f}; ns of each, and sleeps: {shown}", file=sys.stderr)
        return (*answer, sum(ns for ns, _ in parts.values()))


def kernel_over_veth(owned):
    require_root()
    near, far = Namespace(owned), Namespace(owned)
    near.run("ip", "link", "add", "veth0", "type", "veth", "peer", "name", "veth0", "netns", far.name)
    for side, address in ((near, "10.0.2.15/24"), (far, "10.0.2.2/24")):
        side.run("ip", "address", "add", address, "dev", "veth0")
        side.run("ip", "link", "set", "veth0", "up")
        choose_congestion(side)
    server = Server(owned, far.command(), "10.0.2.2")
    return Environment(owned, "kernel over veth", SMALL, near.command(options.program), "10.0.2.2", server)


def jacinth_over_tap(owned, name, *driver):
    network = TapNetwork(owned)
    choose_congestion(network)
    server = Server(owned, network.command(), network.KERNEL)
    manifest = stack(Package(owned), "bench", {"runner": "posix", "binary": options.program, "args": []}, driver=driver)
    command = network.command(jacinth(), "exec", "--manifest", manifest, "--", options.program)
    return Environment(owned, name, SMALL, command, network.KERNEL, server)


class Host(Namespace):
    """A namespace that stands for the host: it has an address, a default route, and the server on its loopback."""

    def __init__(self, owned):
        require_root()
        super().__init__(owned)
        self.run("ip", "link", "add", "wan0", "type", "veth", "peer", "name", "wan1")
        self.run("ip", "address", "add", "192.0.2.2/24", "dev", "wan0")
        self.run("ip", "link", "set", "wan1", "up")
        self.run("ip", "link", "set", "wan0", "up")
        self.run("ip", "route", "add", "default", "via", "192.0.2.1")
        choose_congestion(self)
        self.server = Server(owned, self.command(), "127.0.0.1")

    def hold(self, owned):
        """A namespace without a name, as these programs want one: its process, and how to enter it."""
        process = self.spawn(owned, "unshare", "-rUn", "sh", "-c", "echo; exec sleep infinity", stdout=subprocess.PIPE)
        process.stdout.readline()
        return process.pid, ("nsenter", "-t", str(process.pid), "-U", "-n", "--preserve-credentials")

    def ask(self, owned, name, mtu, command, *helpers):
        return Environment(owned, f"{name}, MTU {mtu}", mtu, command, "10.0.2.2", self.server, *helpers)


def jacinth_over_slirp(owned, host, mtu):
    manifest = stack(Package(owned), "bench", {"runner": "posix", "binary": options.program, "args": []}, wire="slirp",
                     driver=(f"--mtu={mtu}",))
    command = host.command(jacinth(), "exec", "--manifest", manifest, "--", options.program)
    return host.ask(owned, "jacinth over slirp", mtu, command)


def slirp4netns(owned, host, mtu):
    require_program("slirp4netns")
    pid, enter = host.hold(owned)
    ready, told = os.pipe()
    with os.fdopen(ready) as ready_file:
        helper = host.spawn(owned, "slirp4netns", "--configure", f"--mtu={mtu}", f"--ready-fd={told}",
                            f"--userns-path=/proc/{pid}/ns/user", str(pid), "tap0", pass_fds=(told,),
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(told)
        if ready_file.read(1) != "1":
            raise Skip("slirp4netns does not start here")
    return host.ask(owned, "slirp4netns", mtu, (*enter, options.program), helper.pid)


def pasta(owned, host, mtu):
    require_program("pasta")
    pid, enter = host.hold(owned)
    # By process: given a command it does not get going everywhere. As the user we are: it enters the holder's namespaces.
    helper = host.spawn(owned, "pasta", "--runas", "0", "--foreground", "--quiet", "--config-net", "--interface", "wan0",
                        "--address", "10.0.2.15", "--netmask", "24", "--gateway", "10.0.2.2", "--mtu", str(mtu),
                        *(word for kind in "tuTU" for word in (f"-{kind}", "none")), str(pid),
                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def configured():
        if helper.poll() is not None:
            raise Skip("pasta does not start here")
        found = subprocess.run((*enter, "ip", "route", "show", "default"), stdout=subprocess.PIPE, check=False)
        return b"10.0.2.2" in found.stdout
    wait_until(configured, "pasta to configure the namespace")
    return host.ask(owned, "pasta", mtu, (*enter, options.program), helper.pid)


# Measuring


def skip(reason):
    print(json.dumps({"skip": str(reason)}), flush=True)


def make(environments, owned, function, *arguments):
    try:
        environments.append(function(owned, *arguments))
    except (Skip, Failure, OSError) as reason:
        skip(reason)


def measure(environments, case):
    """{(environment, case): median}; an environment that fails is skipped and left out."""
    values, broken = {}, set()
    for _ in range(options.rounds):
        for order, cases in ORDERS.items():
            if case and not any(name.startswith(case) for name, _, _ in cases):
                continue
            for environment in environments:
                if environment in broken:
                    continue
                try:
                    answer = environment.measure(order.format(ms=options.ms))
                except (Failure, OSError) as reason:
                    skip(reason)
                    broken.add(environment)
                    continue
                for name, _, value in cases:
                    values.setdefault((environment, name), []).append(value(*answer))
    return {key: statistics.median(found) for key, found in values.items() if key[0] not in broken}


def _netstack(environment):
    """The netstack's descriptors that are sockets, as a program's streams are there, and its memory in MiB. Other descriptors come
    and stay: the memory of a channel that is much used."""
    pid = next(pid for pid in _processes(environment.roots) if _name(pid) == "netstack")
    with open(f"/proc/{pid}/statm", encoding="ascii") as file:
        resident = int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    sockets = 0
    for fd in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(OSError):
            sockets += os.readlink(f"/proc/{pid}/fd/{fd}").startswith("socket:")
    return sockets, resident / (1 << 20)


def sustain(environment, seconds):
    """Connections at a rate, closed by the client, whose stack then keeps each for a minute (TIME-WAIT): so many that ports have
    to be used again before that. Then what is left of them, at once and after that minute."""
    case = f"link: {RATE} connections a second for {seconds} s"
    before = _netstack(environment)
    count, took = environment.order(f"rate {RATE} {RATE * seconds}", patience=10 * seconds + PATIENCE)
    wait_until(lambda: _netstack(environment)[0] <= before[0], "the netstack to close the last connections")
    waiting = _netstack(environment)
    time.sleep(TIME_WAIT_S)
    after = _netstack(environment)
    if options.verbose:
        print(f"{environment.name}: {count:.0f} in {took:.1f} s; sockets and MiB {before}, {waiting}, {after}",
              file=sys.stderr)
    for what, value, unit in (("", count / took, "1/s"), (", memory at the end", waiting[1] - before[1], "MiB"),
                              (", memory a minute later", after[1] - before[1], "MiB"),
                              (", sockets then", after[0] - before[0], "")):
        print(json.dumps({"case": case + what, "subject": environment.name, "value": value, "unit": unit, "reference": None,
                          "reference_value": None}), flush=True)


def report(place, subject, reference, medians):
    for name, unit, _ in (case for cases in ORDERS.values() for case in cases):
        if (subject, name) in medians:
            print(json.dumps({"case": f"{place}: {name}", "subject": subject.name, "value": medians[subject, name],
                              "unit": unit, "reference": reference and reference.name,
                              "reference_value": medians.get((reference, name))}), flush=True)


def wanted(place, name):
    return (not options.places or place in options.places.split(",")) and (
        not options.subjects or any(subject in name for subject in options.subjects.split(";")))


def terminated(_signal, _frame):
    raise SystemExit(143)  # by way of everything that is to be released


def main():
    signal.signal(signal.SIGTERM, terminated)
    with resources() as owned:
        link, host = [], []
        if wanted("link", "kernel over veth"):
            make(link, owned, kernel_over_veth)
        if wanted("link", "jacinth over TAP"):
            make(link, owned, jacinth_over_tap, "jacinth over TAP")
        if wanted("link", "jacinth over TAP, no offloads"):
            make(link, owned, jacinth_over_tap, "jacinth over TAP, no offloads", "--no-offloads")
        place = []
        if not options.places or "host" in options.places:
            make(place, owned, Host)
        for start, name in ((jacinth_over_slirp, "jacinth over slirp"), (slirp4netns, "slirp4netns"), (pasta, "pasta")):
            for mtu in (SMALL, LARGE):
                if place and wanted("host", f"{name}, MTU {mtu}"):
                    make(host, owned, start, place[0], mtu)
        if options.sustain:
            for environment in [each for each in link if each.name.startswith("jacinth")][:1]:
                sustain(environment, options.sustain)
            return
        medians = measure(link + host, options.case)
        ours = [environment for environment in link + host if environment.name.startswith("jacinth")]
        for environment in ours:
            others = [other for other in (link if environment in link else host)
                      if other not in ours and other.mtu == environment.mtu]
            for other in others or [None]:
                report("link" if environment in link else "host", environment, other, medians)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--ms", type=int, default=500, help="how long bytes are sent in a round")
    parser.add_argument("--places", help="link, host or both with a comma")
    parser.add_argument("--subjects", help="only environments in whose names one of these (with semicolons between) occurs")
    parser.add_argument("--case", help="only cases whose names begin so")
    parser.add_argument("--congestion", help="the congestion control of the kernel's senders; its default otherwise")
    parser.add_argument("--sustain", type=int, metavar="SECONDS",
                        help=f"nothing but {RATE} connections a second for so long, and what is left of them")
    parser.add_argument("--verbose", action="store_true",
                        help="every answer, the processor time of each process, and how often it slept")
    options = parser.parse_args()
    options.program = os.path.abspath(options.program)
    main()
