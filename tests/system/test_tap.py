"""The whole stack against a real kernel, over a TAP device in a network namespace of each case's own."""

import json
import os
import re
import signal
import subprocess

from systest import (PATIENCE, Package, TapNetwork, case, expect, expect_equal, jacinth, main, python_command,
                     python_program, require_program, resources, spawn, stack, stop, wait_until)

PORT = 7777
SIZES = (1, 1400, 8000)
COUNT = 300


def start_stack(owned, network, manifest):
    """Starts `jacinth run` in the namespace; what it says goes to a pipe that is read to its end by the case."""
    return spawn(owned, *network.command(jacinth(), "run", manifest), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def wait_for_line(process, text):
    """Reads the process's output until a line has `text` in it."""
    said = []
    for line in process.stdout:
        said.append(line)
        if text in line:
            return
    expect(False, f"it ended without saying {text!r}:\n{''.join(said)}")


def ping(network, address, *options, count=20):
    done = network.run("ping", "-c", str(count), "-i", "0.01", "-W", "5", *options, address, check=False)
    match = re.search(r"(\d+) packets transmitted, (\d+) received", done.stdout)
    expect(match, f"ping said:\n{done.stdout}{done.stderr}")
    expect_equal(match.group(2), match.group(1), f"answers to ping {' '.join(options)} {address}")


def wait_for_stack(network, process):
    def answers():
        expect(process.poll() is None, f"jacinth run ended with status {process.returncode}")
        return network.run("ping", "-c", "1", "-W", "1", network.NETSTACK, check=False).returncode == 0
    wait_until(answers, "the netstack to answer a ping")


@case
def kernel_pings_the_netstack():
    require_program("ping")
    with resources() as owned:
        network = TapNetwork(owned)
        process = start_stack(owned, network, stack(Package(owned), "pinged"))
        wait_for_stack(network, process)
        for address in (network.NETSTACK, network.NETSTACK6):
            for size in (0, 56, 1400, 8000):
                ping(network, address, "-s", str(size))
        expect_equal(stop(process), 0, "status of jacinth run after SIGTERM")


def process_named(network, name):
    """The process of that name in a run inside the namespace, by its command line; None if there is none."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                if os.path.basename(file.read().split(b"\0")[0]) == name.encode() and is_below(int(pid), network):
                    return int(pid)
        except OSError:
            continue  # it has ended meanwhile
    return None


def is_below(pid, network):
    """Whether one of the process's ancestors is in the namespace itself."""
    inside = set(network.run("ip", "netns", "pids", network.name).stdout.split())
    while pid > 1:
        if str(pid) in inside:
            return True
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            pid = int(file.read().rsplit(")", 1)[1].split()[1])
    return False


@case
def killed_driver_is_replaced_and_the_netstack_goes_on():
    require_program("ping")
    with resources() as owned:
        network = TapNetwork(owned)
        process = start_stack(owned, network, stack(Package(owned), "killed"))
        wait_for_stack(network, process)
        netstack = process_named(network, "netstack")
        for _ in range(3):
            driver = process_named(network, "ethernet_tap")
            os.kill(driver, signal.SIGKILL)
            wait_until(lambda: process_named(network, "ethernet_tap") not in (None, driver), "another driver")
            wait_for_stack(network, process)
        expect_equal(process_named(network, "netstack"), netstack, "the netstack's process")


def echo_through(network, address, size):
    """A kernel client against an echo server on the netstack."""
    done = network.run(*python_command("udp_echo_client.py", address, PORT, size, COUNT), check=False,
                       timeout=4 * PATIENCE)
    expect(done.returncode == 0, f"{address}, {size} bytes: {done.stdout}{done.stderr}")


def kernel_sends_to(address):
    with resources() as owned:
        network = TapNetwork(owned)
        manifest = stack(Package(owned), "echo", program=python_program("udp_echo_server.py", address, PORT))
        process = start_stack(owned, network, manifest)
        wait_for_line(process, "ready")
        for size in SIZES:
            echo_through(network, address, size)


@case
def datagrams_from_the_kernel_are_echoed_by_a_program_on_the_netstack():
    kernel_sends_to(TapNetwork.NETSTACK)


@case
def datagrams_from_the_kernel_are_echoed_over_ipv6():
    kernel_sends_to(TapNetwork.NETSTACK6)


def netstack_sends_to(address):
    with resources() as owned:
        network = TapNetwork(owned)
        server = network.spawn(owned, *python_command("udp_echo_server.py", address, PORT), stdout=subprocess.PIPE)
        wait_for_line(server, "ready")
        package = Package(owned)
        for size in SIZES:
            manifest = stack(package, f"size-{size}", python_program("udp_echo_client.py", address, PORT, size, COUNT))
            done = network.run(jacinth(), "run", manifest, check=False, timeout=4 * PATIENCE)
            expect(done.returncode == 0, f"{size} bytes: {done.stdout}{done.stderr}")
            summary = next(json.loads(line) for line in done.stdout.splitlines() if line.startswith("{"))
            expect_equal(summary, {"size": size, "sent": COUNT, "lost": 0, "wrong": 0}, "summary of the client")


@case
def datagrams_from_a_program_on_the_netstack_are_echoed_by_the_kernel():
    netstack_sends_to(TapNetwork.KERNEL)


@case
def datagrams_from_a_program_on_the_netstack_are_echoed_over_ipv6():
    netstack_sends_to(TapNetwork.KERNEL6)


main()
