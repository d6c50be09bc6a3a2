"""Datagrams through the whole stack, beside the kernel's sockets over a veth pair and beside slirp4netns.

The program that asks and the one that answers are the same everywhere (datagram_peer.c). Two comparisons, each over
what all sides can use, and each with both kinds of datagram sockets of Jacinth's, the fast one, which programs get, and the
synchronous one, each of whose datagrams is a request:
  a kernel at the other end of the link   jacinth over a TAP device | the kernel's own sockets over a veth pair
  a server on the host's loopback         jacinth over slirp | slirp4netns
All environments stand at once and take turns; the rows are medians of the rounds. What can't be made here (no root, no
namespaces) is skipped.
"""

import json
import os
import statistics
import subprocess
import sys

from systest import (Failure, Namespace, Package, Skip, TapNetwork, jacinth, require_program, require_root, resources,
                     spawn, stack)

ROUNDS = 5
PEER = os.path.abspath(sys.argv[1])

# The case, the order to datagram_peer, and the unit of its answer.
CASES = (
    ("round trip, 64 bytes", "trip 64 400", "us"),
    ("round trip, 1400 bytes", "trip 1400 400", "us"),
    ("echoed, 64 bytes, 16 under way", "rate 64 16 200", "1/s"),
    ("echoed, 1400 bytes, 16 under way", "rate 1400 16 200", "1/s"),
    ("sent, 64 bytes", "send 64 3000", "1/s"),
)


def pinned(cores, *command):
    """`command` on those processors alone, and all that it starts."""
    return ("taskset", "--cpu-list", ",".join(map(str, cores)), *command)


class Asker:
    """A running `datagram_peer ask` in one environment."""

    def __init__(self, owned, name, command):
        self.name = name
        self.process = spawn(owned, *command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=1)
        self.order("trip 64 50")

    def order(self, text):
        self.process.stdin.write(text + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().split()
        if len(answer) != 2:
            raise Failure(f"{self.name} gave no answer to {text!r}")
        return float(answer[0])


def start_echo(owned, command, address, port="0"):
    server = spawn(owned, *command, PEER, "echo", address, port, stdout=subprocess.PIPE)
    return server.stdout.readline().strip()


def holder(owned, *unshare):
    """A process that keeps a network namespace, and how to enter it."""
    process = spawn(owned, "unshare", *unshare, "sh", "-c", "echo; exec sleep infinity", stdout=subprocess.PIPE)
    process.stdout.readline()
    return process.pid


def bench_stack(owned, netstack, wire):
    return stack(Package(owned), "bench", {"runner": "posix", "binary": PEER, "args": []}, wire=wire, netstack=netstack)


def jacinth_over_slirp(owned, cores, port):
    return Asker(owned, "jacinth over slirp", pinned(cores, jacinth(), "exec", "--", PEER, "ask", "10.0.2.2", port))


def synchronous_over_slirp(owned, cores, port):
    manifest = bench_stack(owned, "netstack_synchronous", "slirp")
    return Asker(owned, "synchronous sockets over slirp",
                 pinned(cores, jacinth(), "exec", "--manifest", manifest, "--", PEER, "ask", "10.0.2.2", port))


def slirp4netns(owned, cores, port):
    require_program("slirp4netns")
    root = os.geteuid() == 0
    pid = holder(owned, "-n" if root else "-Urn")
    enter = ("nsenter", "-t", str(pid), "-n") if root else ("nsenter", "-t", str(pid), "-U", "-n", "--preserve-credentials")
    ready, told = os.pipe()
    with os.fdopen(ready) as ready_file:
        spawn(owned, *pinned(cores, "slirp4netns", "--configure", "--mtu=1500", f"--ready-fd={told}", str(pid), "tap0"),
              pass_fds=(told,), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(told)
        if ready_file.read(1) != "1":
            raise Skip("slirp4netns does not start here")
    return Asker(owned, "slirp4netns", pinned(cores, *enter, PEER, "ask", "10.0.2.2", port))


def jacinth_over_tap(owned, cores, name="jacinth over TAP", netstack="netstack"):
    network = TapNetwork(owned)
    port = start_echo(owned, pinned(cores, *network.command()), network.KERNEL)
    manifest = bench_stack(owned, netstack, "tap")
    return Asker(owned, name,
                 pinned(cores, *network.command(jacinth(), "exec", "--manifest", manifest, "--", PEER, "ask",
                                                network.KERNEL, port)))


def kernel_over_veth(owned, cores):
    require_root()
    near, far = Namespace(owned), Namespace(owned)
    near.run("ip", "link", "add", "veth0", "type", "veth", "peer", "name", "veth0", "netns", far.name)
    for side, address in ((near, "10.0.2.15/24"), (far, "10.0.2.2/24")):
        side.run("ip", "address", "add", address, "dev", "veth0")
        side.run("ip", "link", "set", "veth0", "up")
    port = start_echo(owned, pinned(cores, *far.command()), "10.0.2.2")
    return Asker(owned, "kernel sockets over veth", pinned(cores, *near.command(PEER, "ask", "10.0.2.2", port)))


def measure(askers):
    """The medians of all, per case, measured in turns."""
    values = {(asker, case): [] for asker in askers for case, _, _ in CASES}
    for _ in range(ROUNDS):
        for case, order, _ in CASES:
            for asker in askers:
                values[asker, case].append(asker.order(order))
    return {key: statistics.median(measured) for key, measured in values.items()}


def report(place, subject, references, medians):
    for reference in references:
        for case, _, unit in CASES:
            print(json.dumps({"case": f"{case}, {place}", "subject": subject.name, "value": medians[subject, case],
                              "unit": unit, "reference": reference.name,
                              "reference_value": medians[reference, case]}), flush=True)


def skip(reason):
    print(json.dumps({"skip": str(reason)}), flush=True)


def compare(place, cores, make_askers):
    with resources() as owned:
        try:
            subject, *references = make_askers(owned, cores)
        except (Skip, Failure, OSError) as reason:
            skip(reason)
            return
        report(place, subject, references, measure((subject, *references)))


def on_the_link(owned, cores):
    synchronous = jacinth_over_tap(owned, cores, "synchronous sockets over TAP", "netstack_synchronous")
    return jacinth_over_tap(owned, cores), kernel_over_veth(owned, cores), synchronous


def on_the_host(owned, cores):
    port = start_echo(owned, pinned(cores), "127.0.0.1")
    return (jacinth_over_slirp(owned, cores, port), slirp4netns(owned, cores, port),
            synchronous_over_slirp(owned, cores, port))


def main():
    cores = sorted(os.sched_getaffinity(0))
    places = [("one core", cores[:1])]
    if len(cores) > 1:
        places.append((f"{len(cores)} cores", cores))
    for place, chosen in places:
        compare(place, chosen, on_the_link)
        compare(place, chosen, on_the_host)


main()
