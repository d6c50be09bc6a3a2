"""Unmodified programs over the whole stack: python3, nc and dig, against a real kernel over a TAP device in a network
namespace of each case's own."""

import os
import shutil
import subprocess
import sys

from systest import (PATIENCE, ROOT, SANITIZED, Package, Skip, TapNetwork, case, execute, expect, expect_equal, finish,
                     jacinth, main, python_command, python_program, require_program, resources, spawn, stack, start,
                     wait_until)

PORT = 7800
COUNT = 400
MULTIPLEXED = os.path.join(ROOT, "tests/system/programs/udp_multiplexed.py")


def tap_with_echo_server(owned):
    """A namespace in which the kernel echoes at PORT."""
    network = TapNetwork(owned)
    script = python_program("udp_echo_server.py")["args"][0]
    server = network.spawn(owned, sys.executable, script, network.KERNEL, str(PORT))
    server.wait_for_line("ready")
    return network


# select, poll and epoll


def serve_multiplexed(kind, address, family_address):
    """A server on the netstack that waits by `kind`, a client of the kernel's."""
    with resources() as owned:
        network = TapNetwork(owned)
        program = python_program("udp_multiplexed.py", "server", kind, address, PORT, COUNT)
        server = spawn(owned, *network.command(jacinth(), "run", stack(Package(owned), "server", program=program)))
        server.wait_for_line("ready")
        network.run(sys.executable, MULTIPLEXED, "client", "epoll", family_address, str(PORT), str(COUNT),
                    timeout=2 * PATIENCE)
        finish(server, "the server")


def ask_multiplexed(kind, address):
    """A client on the netstack that waits by `kind`, a server of the kernel's."""
    with resources() as owned:
        network = TapNetwork(owned)
        server = network.spawn(owned, sys.executable, MULTIPLEXED, "server", "epoll", address, str(PORT), str(COUNT))
        server.wait_for_line("ready")
        execute(network, owned, sys.executable, MULTIPLEXED, "client", kind, address, str(PORT), str(COUNT),
                timeout=2 * PATIENCE)
        finish(server, "the server")


@case
def a_server_with_select_answers_each_datagram():
    serve_multiplexed("select", TapNetwork.NETSTACK, TapNetwork.NETSTACK)


@case
def a_server_with_poll_answers_each_datagram():
    serve_multiplexed("poll", "0.0.0.0", TapNetwork.NETSTACK)


@case
def a_server_with_epoll_answers_each_datagram_over_ipv6():
    serve_multiplexed("epoll", TapNetwork.NETSTACK6, TapNetwork.NETSTACK6)


@case
def a_server_with_edge_triggered_epoll_answers_each_datagram():
    serve_multiplexed("epoll-edge", "0.0.0.0", TapNetwork.NETSTACK)


@case
def a_server_with_asyncio_answers_each_datagram():
    serve_multiplexed("asyncio", TapNetwork.NETSTACK, TapNetwork.NETSTACK)


@case
def a_client_with_select_gets_each_answer():
    ask_multiplexed("select", TapNetwork.KERNEL)


@case
def a_client_with_poll_gets_each_answer_over_ipv6():
    ask_multiplexed("poll", TapNetwork.KERNEL6)


@case
def a_client_with_epoll_gets_each_answer():
    ask_multiplexed("epoll", TapNetwork.KERNEL)


@case
def a_client_with_edge_triggered_epoll_gets_each_answer():
    ask_multiplexed("epoll-edge", TapNetwork.KERNEL)


# Processes and threads


@case
def sockets_live_on_in_children_and_threads():
    with resources() as owned:
        network = tap_with_echo_server(owned)
        script = os.path.join(ROOT, "tests/system/programs/udp_processes.py")
        done = execute(network, owned, sys.executable, script, network.KERNEL, str(PORT), timeout=2 * PATIENCE)
        expect("ok" in done.stdout, f"it said:\n{done.stdout}{done.stderr}")


def against_the_echo_server(script):
    with resources() as owned:
        network = TapNetwork(owned)
        network.spawn(owned, *python_command("udp_echo_server.py", "::", PORT)).wait_for_line("ready")
        path = os.path.join(ROOT, "tests/system/programs", script)
        for address in (network.KERNEL, network.KERNEL6):
            done = execute(network, owned, sys.executable, path, address, str(PORT), timeout=2 * PATIENCE)
            expect("ok" in done.stdout, f"to {address} it said:\n{done.stdout}{done.stderr}")


@case
def sockets_are_inherited_by_programs_and_passed_to_them():
    against_the_echo_server("udp_handed_on.py")


@case
def datagrams_of_all_numbers_and_sizes_come_back():
    against_the_echo_server("udp_many.py")


# Options


@case
def datagrams_are_fitted_to_the_path_as_on_the_kernel():
    with resources() as owned:
        network = TapNetwork(owned)
        echo = python_command("udp_echo_server.py", "::", PORT)
        network.spawn(owned, *echo).wait_for_line("ready")
        script = os.path.join(ROOT, "tests/system/programs/udp_path_mtu.py")
        for address in (network.KERNEL, network.KERNEL6):
            done = execute(network, owned, sys.executable, script, address, str(PORT))
            expect_equal(done.stdout, "ok\n", "what it said on the netstack")
        start(network, owned, *echo).wait_for_line("ready")
        for address in (network.NETSTACK, network.NETSTACK6):
            done = network.run(sys.executable, script, address, str(PORT))
            expect_equal(done.stdout, "ok\n", "what it said on the kernel")


@case
def datagrams_are_accompanied_as_on_the_kernel():
    with resources() as owned:
        network = TapNetwork(owned)
        script = os.path.join(ROOT, "tests/system/programs/udp_packet_info.py")
        done = execute(network, owned, sys.executable, script, network.NETSTACK, network.NETSTACK6, "eth0")
        expect_equal(done.stdout, "ok\n", "what it said on the netstack")
        done = network.run(sys.executable, script, network.KERNEL, network.KERNEL6, network.device)
        expect_equal(done.stdout, "ok\n", "what it said on the kernel")


# nc


@case
def nc_on_the_netstack_talks_to_the_kernel():
    require_program("nc")
    with resources() as owned:
        network = tap_with_echo_server(owned)
        done = execute(network, owned, "sh", "-c", f"echo through nc | nc -u -W 1 {network.KERNEL} {PORT}")
        expect_equal(done.stdout, "through nc\n", "what nc got back")


@case
def nc_of_the_kernel_talks_to_nc_on_the_netstack():
    require_program("nc")
    with resources() as owned:
        network = TapNetwork(owned)
        manifest = stack(Package(owned), "listen", program={
            "runner": "posix", "binary": shutil.which("nc"), "args": ["-u", "-l", "-n", "-v", "-W", "1", "0.0.0.0", str(PORT)]})
        listener = spawn(owned, *network.command(jacinth(), "run", manifest))
        listener.wait_for_line("Bound")
        sender = network.spawn(owned, "nc", "-u", "-n", network.NETSTACK, str(PORT), stdin=subprocess.PIPE)
        sender.say("to the netstack")
        listener.wait_for_line("to the netstack")
        finish(listener, "nc")


@case
def nc_says_so_when_nobody_listens():
    require_program("nc")
    with resources() as owned:
        network = TapNetwork(owned)
        done = execute(network, owned, "nc", "-u", "-z", "-v", network.KERNEL, "9", check=False)
        expect(done.returncode == 1, f"status {done.returncode}: {done.stdout}{done.stderr}")


# dig


NAME_SERVER = ("dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--user=root",
               "--address=/jacinth.test/192.0.2.7", "--address=/jacinth.test/2001:db8::7",
               "--txt-record=long.test," + ",".join("x" * 250 for _ in range(4)))


def wait_until_it_answers(server, network, address):
    def answers():
        expect(server.poll() is None, "dnsmasq ended")
        return network.run("dig", f"@{address}", "jacinth.test", "+short", "+time=1", "+tries=1",
                           check=False).returncode == 0
    wait_until(answers, "dnsmasq to answer the kernel")


def name_server(owned, network):
    require_program("dnsmasq")
    server = network.spawn(owned, *NAME_SERVER, "--bind-interfaces",
                           f"--listen-address={network.KERNEL},{network.KERNEL6}")
    wait_until_it_answers(server, network, network.KERNEL)


def require_dig():
    require_program("dig")
    if SANITIZED:
        raise Skip("dig's allocator makes system calls through libfdio.so before the address sanitizer in that is ready")


@case
def dig_asks_a_name_server_over_either_family():
    require_dig()
    with resources() as owned:
        network = TapNetwork(owned)
        name_server(owned, network)
        for server, kind, wanted in ((network.KERNEL, "A", "192.0.2.7"), (network.KERNEL6, "AAAA", "2001:db8::7")):
            done = execute(network, owned, "dig", f"@{server}", "jacinth.test", kind, "+short", "+time=30", "+tries=1")
            expect_equal(done.stdout.strip(), wanted, f"the answer to {kind}")
        done = execute(network, owned, "dig", f"@{network.KERNEL}", "long.test", "TXT", "+short", "+time=30", "+tries=1")
        expect_equal(done.stdout.count("x"), 1000, "characters of a long answer")


@case
def dig_asks_many_questions_from_one_process():
    require_dig()
    with resources() as owned:
        network = TapNetwork(owned)
        name_server(owned, network)
        questions = [word for number in range(50) for word in (f"n{number}.jacinth.test", "A")]
        done = execute(network, owned, "dig", f"@{network.KERNEL}", "+short", "+time=30", "+tries=1", *questions)
        expect_equal(done.stdout.split(), ["192.0.2.7"] * 50, "the answers")


@case
def a_name_server_answers_from_the_address_it_was_asked_at():
    # Bound to any address, dnsmasq hears nothing without packet information, and drops what it cannot answer rightly.
    require_program("dnsmasq")
    require_program("dig")
    with resources() as owned:
        network = TapNetwork(owned)
        server = start(network, owned, *NAME_SERVER, "--group=root", "--pid-file=")
        wait_until_it_answers(server, network, network.NETSTACK)
        for address, kind, wanted in ((network.NETSTACK, "A", "192.0.2.7"), (network.NETSTACK6, "AAAA", "2001:db8::7")):
            done = network.run("dig", f"@{address}", "jacinth.test", kind, "+short", "+time=30", "+tries=1")
            expect_equal(done.stdout.strip(), wanted, f"the answer to {kind}")


@case
def dig_asks_over_tcp():
    require_dig()
    with resources() as owned:
        network = TapNetwork(owned)
        name_server(owned, network)
        done = execute(network, owned, "dig", f"@{network.KERNEL}", "long.test", "TXT", "+tcp", "+short", "+time=30",
                       "+tries=1")
        expect_equal(done.stdout.count("x"), 1000, "characters of a long answer")


main()
