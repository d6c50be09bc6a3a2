"""Streams through a wire with delay, a rate, a queue and losses: the engine and liblwip beside the kernel.

Every pair of ends has a relay (wire_relay.c) between them, all relays do the same, and all pairs take turns in one run, with
the same losses: what a row compares differs in nothing but the end that is measured. The other end is always the kernel's.
"""

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys

from systest import Failure, Namespace, Skip, require_program, require_root, require_tun, resources, spawn

CONTROLS = "/proc/sys/net/ipv4/tcp_available_congestion_control"
PORT = 5001

# One-way delay in microseconds, rate, and the queue in front of it: at 20 ms as much as the wire itself holds.
WIRES = (
    ("20 ms", 10_000, 1000, 2_500_000),
    ("0.2 ms", 100, 2500, 250_000),
)
LOSSES = (("no loss", 0), ("0.1 % lost", 1000), ("1 % lost", 10_000))


class Program:
    """A program that takes orders, one a line, and answers by lines."""

    def __init__(self, owned, *command, **options):
        self.name = os.path.basename(command[0])
        self.process = spawn(owned, *command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=1, **options)

    def tell(self, text):
        self.process.stdin.write(text + "\n")
        self.process.stdin.flush()

    def answer(self):
        line = self.process.stdout.readline().split()
        if not line:
            raise Failure(f"{self.name} ended with status {self.process.wait()}")
        return line


class Kernel:
    """A network namespace at one end of a relay."""

    def __init__(self, owned, address):
        self.address = address
        self.space = Namespace(owned)

    def port(self, kind):
        return f"{kind}:wire0:/run/netns/{self.space.name}"

    def attach(self, owned, program):
        self.space.run("ip", "address", "add", self.address + "/24", "dev", "wire0")
        self.space.run("ip", "link", "set", "wire0", "up")
        self.program = Program(owned, *self.space.command(program))
        self.program.name = "the kernel's end"


class Pair:
    """Two ends with a relay between them: the one that is measured, and the kernel's."""

    def __init__(self, owned, near, kind="tap"):
        self.far = Kernel(owned, "10.0.9.2")
        mine, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with mine, theirs:
            theirs.setsockopt(socket.SOL_SOCKET, 32, 4 << 20)  # SO_SNDBUFFORCE
            os.set_inheritable(mine.fileno(), True)
            if isinstance(near, str):
                port, keep = f"fd:{theirs.fileno()}", (theirs.fileno(),)
            else:
                port, keep = near.port(kind), ()
            self.relay = Program(owned, options.relay, port, self.far.port(kind), pass_fds=keep)
            self.relay.answer()
            self.far.attach(owned, options.posix)
            if isinstance(near, str):
                self.near = Program(owned, near, str(mine.fileno()), "10.0.9.1", "24", pass_fds=(mine.fileno(),))
            else:
                near.attach(owned, options.posix)
                self.near = near.program

    def shape(self, wire, loss, sending, seed):
        _, delay, rate, queue = wire
        forth, back = (loss, 0) if sending else (0, loss)
        self.relay.tell(f"wire {rate} {queue} {delay} {forth} {back} {seed}")
        self.relay.answer()

    def transfer(self, sending, control, seconds):
        """Mbit/s as the receiver sees it; the sender's mean window in segments and round trip in microseconds."""
        sender, receiver = (self.near, self.far.program) if sending else (self.far.program, self.near)
        address = "10.0.9.2" if sending else "10.0.9.1"
        receiver.tell(f"receive {PORT} {seconds}")
        if receiver.answer() != ["listening"]:
            raise Failure(f"{receiver.name} does not listen")
        sender.tell(f"send {address} {PORT} {control} {seconds + 20}")
        count, took = map(float, receiver.answer()[:2])
        window, trip = map(float, sender.answer()[2:])
        return (count * 8e-6 / took if took else 0.0), window, trip


def kernel_pair(owned, kind="tap"):
    return Pair(owned, Kernel(owned, "10.0.9.1"), kind)


def subjects(owned):
    """What takes turns: (name, the reference's name, pair, does it send?, the sender's congestion control)."""
    kernel = kernel_pair(owned)
    engine = Pair(owned, options.engine)
    result = [("kernel CUBIC", None, kernel, True, "cubic"),
              ("engine sends", "kernel CUBIC", engine, True, "-"),
              ("engine receives", "kernel CUBIC", engine, False, "cubic")]
    with open(CONTROLS, encoding="ascii") as file:
        if "bbr" in file.read().split():
            result.append(("kernel BBR", "kernel CUBIC", kernel, True, "bbr"))
            result.append(("engine BBR", "kernel BBR", engine, True, "bbr"))
        else:
            skip("the kernel has no BBR")
    if options.lwip:
        lwip = Pair(owned, options.lwip, "plain")
        result += [("lwIP sends", "kernel CUBIC", lwip, True, "-"),
                   ("lwIP receives", "kernel CUBIC", lwip, False, "cubic")]
    wanted = options.subjects.split(",") if options.subjects else None
    return [s for s in result if not wanted or s[0] in wanted or s[0] == "kernel CUBIC" or s[0] == "kernel BBR" and "engine BBR" in wanted]


def skip(reason):
    print(json.dumps({"skip": str(reason)}), flush=True)


def report(case, subject, value, reference, reference_value):
    print(json.dumps({"case": case, "subject": subject, "value": value, "unit": "Mbit/s", "reference": reference,
                      "reference_value": reference_value}), flush=True)


def measure(chosen, wire, loss):
    values = {name: [] for name, *_ in chosen}
    for seed in range(options.rounds):
        for name, _, pair, sending, control in chosen:
            pair.shape(wire, loss, sending, seed + 1)
            values[name].append(pair.transfer(sending, control, options.seconds))
    if options.verbose:
        print(wire[0], loss, {name: [round(v, 1) for v, *_ in found] for name, found in values.items()}, file=sys.stderr)
        for name, found in values.items():
            _, windows, trips = zip(*found)
            if all(windows):
                print(f"{name}: a window of {statistics.mean(windows):.1f} segments, a round trip of {statistics.mean(trips):.0f} us",
                      file=sys.stderr)
    return {name: statistics.median(rate for rate, *_ in found) for name, found in values.items()}


def impaired_wires(owned):
    chosen = subjects(owned)
    # The relay without limits, to show that it is none.
    unlimited = measure(chosen[:1], ("", 0, 0, 0), 0)
    report("the relay without delay, rate or loss", "kernel CUBIC", unlimited["kernel CUBIC"], None, None)
    for wire in WIRES:
        for loss_name, loss in LOSSES:
            if options.wires and not any(w in f"{wire[0]}, {loss_name}" for w in options.wires.split(";")):
                continue
            medians = measure(chosen, wire, loss)
            case = f"{wire[0]}, {loss_name}, {wire[2] / 1000} Gbit/s, queue {wire[3] // 1000} KB"
            for name, reference, *_ in chosen:
                report(case, name, medians[name], reference, medians[reference] if reference else None)


def main():
    try:
        require_root()
        require_tun()
        require_program("ip")
        with resources() as owned:
            impaired_wires(owned)
    except Skip as reason:
        skip(reason)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    for program in ("relay", "posix", "engine", "lwip"):
        parser.add_argument(program)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--subjects", help="only these, by name, with commas between")
    parser.add_argument("--wires", help="only cases in whose names one of these (with semicolons between) occurs")
    parser.add_argument("--verbose", action="store_true", help="every round, and means of the senders' windows and round trips, on standard error")
    options = parser.parse_args()
    main()
