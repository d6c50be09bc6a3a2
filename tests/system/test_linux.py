"""Programs see what they would on the kernel: the same program runs on the netstack and on a kernel's stack, behind the same
router, and what it prints is compared line by line."""

import difflib
import os
import re
import sys

from systest import (PATIENCE, ROOT, Namespace, TapNetwork, case, execute, expect, expect_equal, main, python_command,
                     require_program, resources, run)

ROUTER = {"netstack": {"4": TapNetwork.KERNEL, "6": TapNetwork.KERNEL6}, "kernel": {"4": "10.0.8.1", "6": "fec8::1"}}
ABSENT = {"netstack": {"4": "10.0.2.77", "6": "fec0::77"}, "kernel": {"4": "10.0.8.77", "6": "fec8::77"}}
FAR = {"4": "10.0.9.2", "6": "fec9::2"}
NARROW = 1300

# What socket_calls.py sees otherwise than on the kernel, and why.
DIFFERENCES = {
    "tcp shows": "POLLHUP of a stream that is not connected would be for ever",
    "tcp recv out of band": "a stream is asked whether it is connected first",
    "send to everybody": "on loopback any address is this host's",
    **dict.fromkeys(("tcp option 0 33", "tcp option 0 34", "tcp6 option 0 33", "tcp6 option 0 34", "tcp6 option 41 18",
                     "tcp6 option 41 19"), "a stream has no groups to send to"),
}


def join(network, other, names, subnet, mtu=1500):
    """A link between two namespaces, the first of which is the way to everywhere for the second."""
    ours, theirs = names
    run("ip", "link", "add", ours, "mtu", str(mtu), "netns", network.name, "type", "veth",
        "peer", "name", theirs, "mtu", str(mtu), "netns", other.name)
    for namespace, device, host in ((network, ours, 1), (other, theirs, 2)):
        namespace.run("ip", "address", "add", f"10.0.{subnet}.{host}/24", "dev", device)
        namespace.run("ip", "address", "add", f"fec{subnet}::{host}/64", "dev", device, "nodad")
        namespace.run("ip", "link", "set", device, "up")
    other.run("ip", "route", "add", "default", "via", f"10.0.{subnet}.1")
    other.run("ip", "-6", "route", "add", "default", "via", f"fec{subnet}::1")


def set_all(namespace, **settings):
    for name, value in settings.items():
        namespace.run("sysctl", "-q", "-w", f"net.{name.replace('__', '.')}={value}")


class RoutedNetwork:
    """The netstack and a host of the kernel's, each on a link to the same router, and a host far behind it, over a narrow
    link."""

    def __init__(self, owned):
        require_program("sysctl")
        self.router = TapNetwork(owned)
        self.host, self.far = Namespace(owned), Namespace(owned)
        join(self.router, self.host, ("near", "inner"), 8)
        join(self.router, self.far, ("beyond", "inner"), 9, mtu=NARROW)
        set_all(self.router, ipv4__ip_forward=1, ipv6__conf__all__forwarding=1)
        set_all(self.host, ipv4__ping_group_range="0 2147483647")
        for namespace in (self.router, self.far):  # the test asks for many errors in a short time
            set_all(namespace, ipv4__icmp_ratelimit=0, ipv6__icmp__ratelimit=0)

    def both(self, owned, command):
        """What a program says on the netstack and on the kernel; `command` makes its arguments for either."""
        on_netstack = execute(self.router, owned, *command("netstack"), timeout=2 * PATIENCE, check=False)
        on_kernel = self.host.run(*command("kernel"), timeout=2 * PATIENCE, check=False)
        return on_netstack, on_kernel


def compare(on_netstack, on_kernel):
    difference = list(difflib.unified_diff(on_kernel.stdout.splitlines(), on_netstack.stdout.splitlines(), "on the kernel",
                                           "on the netstack", lineterm="", n=2))
    said = on_netstack.stderr + on_kernel.stderr
    expect(not difference and on_netstack.returncode == on_kernel.returncode == 0,
           "\n".join(difference) + f"\nstatus {on_netstack.returncode} and {on_kernel.returncode}:\n{said}")


def compare_errors(version):
    script = os.path.join(ROOT, "tests/system/programs/udp_errors.py")
    with resources() as owned:
        network = RoutedNetwork(owned)
        compare(*network.both(owned, lambda where: (sys.executable, script, version, ROUTER[where][version], FAR[version],
                                                    ABSENT[where][version])))


@case
def the_queue_of_errors_over_ipv4_is_the_kernels():
    compare_errors("4")


@case
def the_queue_of_errors_over_ipv6_is_the_kernels():
    compare_errors("6")


# Calls in order and out of it


def results(done):
    expect_equal(done.returncode, 0, f"status of a program that said:\n{done.stdout}{done.stderr}\n")
    return dict(line.split(": ", 1) for line in done.stdout.splitlines())


@case
def calls_on_sockets_answer_as_on_the_kernel():
    with resources() as owned:
        network = TapNetwork(owned)
        set_all(network, ipv4__ping_group_range="0 2147483647")
        command = python_command("socket_calls.py", ABSENT["netstack"]["4"])
        on_netstack = results(execute(network, owned, *command, timeout=2 * PATIENCE, check=False))
        on_kernel = results(network.run(*command, timeout=2 * PATIENCE, check=False))
        expect_equal(list(on_netstack), list(on_kernel), "the questions")
        different = {name: (on_kernel[name], on_netstack[name]) for name in on_kernel
                     if name not in DIFFERENCES and on_kernel[name] != on_netstack[name]}
        expect(not different, "\n".join(f"{name}: on the kernel {one}, on the netstack {other}"
                                        for name, (one, other) in different.items()))
        unknown = set(DIFFERENCES) - set(on_kernel)
        expect(not unknown, f"differences that nothing is asked about: {unknown}")


# Programs that are made of errors. What the link needs to begin with, a ping before it, is not theirs to measure.


def run_both(owned, network, *command, status=0):
    """What a program says on the netstack and on the kernel, line by line without times."""
    said = []
    shell = ("sh", "-c", 'ping -c 1 "$0" >/dev/null; exec "$@"', FAR["6"], *command)
    for done in network.both(owned, lambda where: shell):
        expect_equal(done.returncode, status, f"status of {' '.join(command)}, which said:\n{done.stdout}{done.stderr}\n")
        text = done.stdout + done.stderr
        for address in (*ROUTER["netstack"].values(), *ROUTER["kernel"].values()):
            text = re.sub(rf"(?<![\w:.]){re.escape(address)}(?![\w:.])", "ROUTER", text)
        said.append(re.sub(r"[0-9./]+ ms(, pipe [0-9]+)?|time [0-9]+ms", "TIME", text).splitlines())
    on_netstack, on_kernel = said
    expect_equal(on_netstack, on_kernel, f"what {' '.join(command)} said on the netstack, as on the kernel")
    return on_netstack


@case
def ping_learns_of_answers_and_errors_over_ipv6():
    require_program("ping")
    with resources() as owned:
        network = RoutedNetwork(owned)
        said = run_both(owned, network, "ping", "-6", "-c", "2", "-i", "0.2", FAR["6"])
        expect(any("64 bytes from" in line for line in said), f"no answer: {said}")
        said = run_both(owned, network, "ping", "-6", "-c", "1", "-t", "1", FAR["6"], status=1)
        expect(any("Time exceeded" in line for line in said), f"no error: {said}")
        said = run_both(owned, network, "ping", "-6", "-c", "2", "-i", "3", "-M", "do", "-s", "1400", FAR["6"], status=1)
        expect(any(f"local error: message too long, mtu: {NARROW}" in line for line in said), f"no local error: {said}")


@case
def ping_learns_of_errors_over_ipv4():
    require_program("ping")
    with resources() as owned:
        network = RoutedNetwork(owned)
        said = run_both(owned, network, "ping", "-4", "-c", "1", "-t", "1", FAR["4"], status=1)
        expect(any("Time to live exceeded" in line for line in said), f"no error: {said}")
        said = run_both(owned, network, "ping", "-4", "-c", "2", "-i", "3", "-M", "do", "-s", "1400", FAR["4"], status=1)
        expect(any(f"Frag needed and DF set (mtu = {NARROW})" in line for line in said), f"no error: {said}")


@case
def traceroute_finds_the_way_over_either_family():
    require_program("traceroute")
    with resources() as owned:
        network = RoutedNetwork(owned)
        for address in FAR.values():
            said = run_both(owned, network, "traceroute", "-n", address)
            expect_equal([line.split()[:2] for line in said[1:]], [["1", "ROUTER"], ["2", address]], "the hops")


main()
