"""The whole stack against a real kernel, over a TAP device in a network namespace of each case's own."""

import json
import re
import socket
import subprocess
import sys

import frames
from systest import (PATIENCE, Namespace, Package, TapNetwork, case, expect, expect_equal, jacinth, kill, main, process_named,
                     python_command, python_program, require_program, resources, spawn, stack, start, wait_until)

PORT = 7777
SIZES = (1, 1400, 8000)
COUNT = 300


def start_stack(owned, network, manifest):
    """Starts `jacinth run` in the namespace."""
    return spawn(owned, *network.command(jacinth(), "run", manifest))


def ping(network, address, *options, count=20):
    done = network.run("ping", "-c", str(count), "-i", "0.01", "-W", "5", *options, address, check=False)
    match = re.search(r"(\d+) packets transmitted, (\d+) received", done.stdout)
    expect(match, f"ping said:\n{done.stdout}{done.stderr}")
    expect_equal(match.group(2), match.group(1), f"answers to ping {' '.join(options)} {address}")


def replace_driver(network):
    """Kills the driver and waits for another."""
    driver = process_named(network, "ethernet_tap")
    kill(driver)
    wait_until(lambda: process_named(network, "ethernet_tap") not in (None, driver), "another driver")


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
        expect_equal(process.stop(), 0, "status of jacinth run after SIGTERM")


@case
def killed_driver_is_replaced_and_the_netstack_goes_on():
    require_program("ping")
    with resources() as owned:
        network = TapNetwork(owned)
        process = start_stack(owned, network, stack(Package(owned), "killed"))
        wait_for_stack(network, process)
        netstack = process_named(network, "netstack")
        for _ in range(3):
            replace_driver(network)
            wait_for_stack(network, process)
        expect_equal(process_named(network, "netstack"), netstack, "the netstack's process")


@case
def sockets_tied_to_the_interface_go_on_with_the_next_driver():
    with resources() as owned:
        network = TapNetwork(owned)
        server = python_program("udp_echo_server.py", network.NETSTACK, PORT, "eth0")
        process = start_stack(owned, network, stack(Package(owned), "tied", program=server))
        process.wait_for_line("ready")
        addresses = set()
        for _ in range(2):
            echo_through(network, network.NETSTACK, 1400)
            addresses.add(hardware_address(network))
            replace_driver(network)
            wait_for_stack(network, process)
            echo_through(network, network.NETSTACK, 1400)
        expect_equal(len(addresses), 2, "hardware addresses of two drivers")


def bytes_from_the_netstack(network):
    """What the kernel's end of the device has received."""
    return int(network.run("cat", f"/sys/class/net/{network.device}/statistics/rx_bytes").stdout)


@case
def a_stream_goes_on_over_the_death_of_the_driver():
    with resources() as owned:
        network = TapNetwork(owned)
        server = network.spawn(owned, *python_command("tcp_echo.py", "serve", network.KERNEL, PORT), stdin=subprocess.PIPE)
        server.wait_for_line("ready")
        program = python_program("tcp_echo.py", "ask", network.KERNEL, PORT)
        asker = start_stack(owned, network, stack(Package(owned), "stream", program))
        asker.wait_for_line("under way")
        for _ in range(5):
            replace_driver(network)
            before = bytes_from_the_netstack(network)
            wait_until(lambda: bytes_from_the_netstack(network) > before + (4 << 20), "the stream to go on")
        server.say("enough")
        output = asker.finish(4 * PATIENCE)
        expect_equal(asker.returncode, 0, f"status of the asking program, which said {output!r}")


@case
def driver_of_a_removed_device_ends_and_another_finds_the_new_one():
    require_program("ping")
    with resources() as owned:
        network = TapNetwork(owned)
        process = start_stack(owned, network, stack(Package(owned), "removed"))
        wait_for_stack(network, process)
        ping(network, network.NETSTACK, count=300)  # for three seconds: who dies in the first two ends the run
        driver = process_named(network, "ethernet_tap")
        network.run("ip", "link", "delete", network.device)
        wait_until(lambda: process_named(network, "ethernet_tap") not in (None, driver), "another driver")
        wait_until(lambda: network.run("ip", "link", "show", network.device, check=False).returncode == 0,
                   "the device to be there again")
        network.set_up_device()
        wait_for_stack(network, process)


def sample_frames(network, mac, to):
    """One good frame of each kind that the netstack takes apart, from the kernel's address to the netstack's."""
    us, us6, them, them6 = network.KERNEL, network.KERNEL6, network.NETSTACK, network.NETSTACK6
    target = socket.inet_pton(socket.AF_INET6, them6)
    options = b"\x01\x01" + mac
    datagram = frames.udp(us, them, 4242, PORT, b"payload!" * 4)
    return [
        frames.arp(1, mac, us, them),
        frames.arp(2, mac, us, them),
        frames.ip4(to, mac, us, them, 1, frames.icmp_echo(b"payload!")),
        frames.ip4(to, mac, us, them, 17, datagram),
        frames.ip4(to, mac, us, them, 17, datagram[:24], fragment=0x2000),
        frames.ip4(to, mac, us, them, 17, datagram[24:], fragment=3),
        frames.ip6(to, mac, us6, them6, 58, frames.icmp6(us6, them6, 128, b"\0\1\0\1payload!")),
        frames.ip6(to, mac, us6, them6, 17, frames.udp(us6, them6, 4242, PORT, b"payload!")),
        frames.ip6(to, mac, us6, them6, 58, frames.icmp6(us6, them6, 135, bytes(4) + target + options)),
        frames.ip6(to, mac, us6, them6, 58, frames.icmp6(us6, them6, 136, bytes(4) + target + options)),
        # A fragment header, and an ICMP error about a datagram of the netstack's.
        frames.ip6(to, mac, us6, them6, 44, b"\x11\0\0\1\0\0\0\7" + bytes(16)),
        frames.ip4(to, mac, us, them, 1, frames.put_checksum(
            b"\3\3\0\0\0\0\0\0" + frames.ip4(b"", b"", them, us, 17, datagram)[2:30], 2)),
    ]


def hardware_address(network):
    """The netstack's, as the kernel has learned it."""
    known = network.run("ip", "neigh", "show", network.NETSTACK, "dev", network.device).stdout
    match = re.search(r"lladdr ([0-9a-f:]{17})", known)
    expect(match, f"the kernel has not learned the netstack's address: {known!r}")
    return bytes.fromhex(match.group(1).replace(":", ""))


def damaged(frame):
    """The frame with each byte of its headers changed in turn, and cut short at each place."""
    for at in range(len(frame)):
        for change in (0x01, 0x80, 0xff):
            yield frame[:at] + bytes([frame[at] ^ change]) + frame[at + 1:]
        if at >= 14:
            yield frame[:at]


@case
def frames_with_every_header_field_damaged_in_turn_do_no_harm():
    require_program("ping")
    with resources() as owned:
        network = TapNetwork(owned)
        process = start_stack(owned, network, stack(Package(owned), "damaged"))
        wait_for_stack(network, process)
        before = [process_named(network, name) for name in ("netstack", "ethernet_tap")]
        with network.entered():
            link = owned.enter_context(socket.socket(socket.AF_PACKET, socket.SOCK_RAW))
            link.bind((network.device, 0))
            mac = link.getsockname()[4]
        for frame in sample_frames(network, mac, hardware_address(network)):
            for bad in damaged(frame):
                link.send(bad)
            # Also keeps the device's queue from running over. Asked anew, the kernel says again what a
            # damaged frame may have said otherwise about it.
            network.run("ip", "neigh", "flush", "dev", network.device)
            wait_for_stack(network, process)
        expect_equal([process_named(network, name) for name in ("netstack", "ethernet_tap")], before, "the processes")
        for address in (network.NETSTACK, network.NETSTACK6):
            ping(network, address, "-s", "8000")


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
        process.wait_for_line("ready")
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
        server = network.spawn(owned, *python_command("udp_echo_server.py", address, PORT))
        server.wait_for_line("ready")
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


# Groups, behind a switch that sends them to nobody who has not asked for them


GROUPS = ("239.1.2.3", "ff05::1:3")
# Tells its own address, as its network stack chooses it on the way to another host and to one on the link.
TELL_ADDRESS = """
import socket
for address in ("10.0.2.2", "192.0.2.1"):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect((address, 9))
        print("address", probe.getsockname()[0], flush=True)
"""


@case
def an_address_comes_from_a_dhcp_server_and_is_given_back():
    require_program("dnsmasq")
    with resources() as owned:
        network, package = TapNetwork(owned), Package(owned)
        server = network.spawn(
            owned, "dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--user=root", "--port=0", "--no-ping",
            f"--interface={network.device}", "--dhcp-range=10.0.2.100,10.0.2.100,255.255.255.0,2m",
            f"--dhcp-leasefile={package.path}/leases")
        server.wait_for_line("IP range")
        manifest = stack(package, "leased", {"runner": "posix", "binary": sys.executable, "args": ["-c", TELL_ADDRESS]},
                         netstack=["--address=dhcp"])
        done = network.run(jacinth(), "run", "--verbose", "--quiet", manifest)
        expect_equal(re.findall("address (.*)", done.stdout), ["10.0.2.100"] * 2, "the program's addresses")
        expect("10.0.2.100/24 from the DHCP server 10.0.2.2" in done.stderr, done.stderr)
        said = server.wait_for_line("DHCPRELEASE")
        expect("DHCPACK" in said, said)


# The prefix that the router tells of, its own address there, and one that lies behind it.
PREFIX, ROUTER6, BEHIND = "2001:db8:1:2:", "2001:db8:1:2::2", "2001:db8:9::1"


def routed(owned):
    """A network whose kernel end is an IPv6 router, which says so."""
    require_program("dnsmasq")
    network = TapNetwork(owned)
    network.run("ip", "link", "set", "lo", "up")
    network.run("ip", "address", "add", f"{ROUTER6}/64", "dev", network.device, "nodad")
    network.run("ip", "address", "add", f"{BEHIND}/128", "dev", "lo", "nodad")
    router = network.spawn(
        owned, "dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--user=root", "--port=0", "--enable-ra",
        f"--interface={network.device}", f"--dhcp-range={PREFIX}:,ra-only,64,10m",
        f"--ra-param={network.device},mtu:1400,high,60,600", f"--dhcp-option=option6:dns-server,[{ROUTER6}]",
        "--dhcp-option=option6:domain-search,example.org")
    router.wait_for_line("router advertisement on")
    return network


@case
def addresses_and_routes_come_from_an_ipv6_router():
    require_program("ping")
    with resources() as owned:
        network = routed(owned)
        process = spawn(owned, *network.command(jacinth(), "run", "--verbose", stack(
            Package(owned), "routed", netstack=["--address=slaac"])))
        said = process.wait_for_line("from the routers fe80::") + process.wait_for_line(f"name servers: {ROUTER6}")
        address = re.search(rf"eth0: ({PREFIX}[0-9a-f:]+) from", said)
        expect(address, said)
        for size in (56, 1300, 8000):
            ping(network, address.group(1), "-6", "-s", str(size))
        ping(network, address.group(1), "-6", "-I", BEHIND)  # answers go back by way of the router
        expect_equal(process.stop(), 0, "status of jacinth run after SIGTERM")


@case
def programs_reach_what_lies_behind_an_ipv6_router():
    with resources() as owned:
        network = routed(owned)
        server = network.spawn(owned, *python_command("udp_echo_server.py", BEHIND, PORT))
        server.wait_for_line("ready")
        manifest = stack(Package(owned), "behind", python_program("udp_echo_client.py", BEHIND, PORT, 1400, COUNT),
                         netstack=["--address=slaac"])
        done = network.run(jacinth(), "run", manifest, check=False, timeout=4 * PATIENCE)
        expect(done.returncode == 0, f"{done.stdout}{done.stderr}")
        summary = next(json.loads(line) for line in done.stdout.splitlines() if line.startswith("{"))
        expect_equal(summary, {"size": 1400, "sent": COUNT, "lost": 0, "wrong": 0}, "summary of the client")


FAR, FAR6 = "10.0.2.3", "fec0::3"


def bridged(owned):
    """A network whose device is a port of a switch that listens to IGMP and MLD, and a namespace at another port."""
    require_program("bridge")
    network, far = TapNetwork(owned), Namespace(owned)
    network.run("ip", "address", "flush", "dev", network.device)
    network.run("ip", "link", "add", "switch", "type", "bridge", "mcast_query_response_interval", "100",
                "mcast_last_member_interval", "20", "mcast_igmp_version", "3", "mcast_mld_version", "2")
    network.run("ip", "link", "set", "switch", "type", "bridge", "mcast_querier", "1")
    network.run("ip", "link", "add", "far", "type", "veth", "peer", "name", "near", "netns", far.name)
    for port in (network.device, "far"):
        network.run("ip", "link", "set", port, "master", "switch")
    network.run("bridge", "link", "set", "dev", network.device, "mcast_flood", "off")
    for device in ("far", "switch"):
        network.run("ip", "link", "set", device, "up")
    far.run("ip", "address", "add", f"{FAR}/24", "dev", "near")
    far.run("ip", "address", "add", f"{FAR6}/64", "dev", "near", "nodad")
    far.run("ip", "link", "set", "near", "up")
    return network, far


def groups_at(network):
    """Which groups the switch sends to the netstack's port."""
    database = json.loads(network.run("bridge", "-j", "mdb", "show", "dev", "switch").stdout)
    return {entry["grp"] for part in database for entry in part.get("mdb", ()) if entry["port"] == network.device}


@case
def a_switch_sends_the_netstack_the_groups_it_is_in():
    require_program("ping")
    with resources() as owned:
        network, far = bridged(owned)
        program = start(network, owned, *python_command("udp_group.py", "eth0", PORT, *GROUPS))
        program.wait_for_line("joined")
        wait_until(lambda: groups_at(network) >= {*GROUPS, "ff02::1:ff00:15"}, "the switch to know the groups")
        # The question who has an address goes to a group, too. The switch listens for a second before it decides.
        answers = lambda: far.run("ping", "-c", "1", "-W", "1", network.NETSTACK6, check=False).returncode == 0
        wait_until(answers, "the netstack to answer a ping over IPv6")
        for group in GROUPS:
            said = f"to {group}"
            family = "UDP6-SENDTO" if ":" in group else "UDP4-SENDTO"
            host = f"[{group}]" if ":" in group else group
            far.run("socat", "-u", "-", f"{family}:{host}:{PORT},bind={f'[{FAR6}]' if ':' in group else FAR}", input=said)
            program.wait_for_line(said)
        program.wait_for_line("left")
        wait_until(lambda: not groups_at(network) & set(GROUPS), "the switch to forget the groups")

main()
