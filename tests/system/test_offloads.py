"""Checksums and segmentation left to the kernel and to the link endpoint, seen from behind a router.

The netstack's frames go through the kernel of one namespace and out of a TAP device that has no offloads, so that all that
was left to be done is done by then. Here each frame is looked at and carried on to the kernel of another namespace:

  netstack -- driver -- jacinth0 [a kernel that forwards] plain0 -- this test -- plain0 [a kernel with the servers]
"""

import fcntl
import json
import os
import select
import socket
import struct
import threading

import frames
from systest import (PATIENCE, Namespace, Package, TapNetwork, case, expect, expect_equal, jacinth, main, python_command,
                     python_program, resources, stack)

PORT = 7777
TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454ca, 2, 0x1000
NEAR, NEAR6, FAR, FAR6 = "10.0.3.1", "fec0:0:0:3::1", "10.0.3.2", "fec0:0:0:3::2"
TCP, UDP, ICMP6 = 6, 17, 58
STREAM_BYTES = 1 << 20


def transport_of(frame):
    """The addresses of an IP packet, its protocol and transport part; None for other frames and for fragments."""
    kind, = struct.unpack(">H", frame[12:14])
    packet = frame[14:]
    if kind == 0x0800:
        header, (length, _, fragment) = (packet[0] & 15) * 4, struct.unpack(">HHH", packet[2:8])
        expect_equal(frames.checksum(packet[:header]), 0, "sum of an IPv4 header")
        if fragment & 0x3fff:
            return None
        return packet[12:16], packet[16:20], packet[9], packet[header:length]
    if kind == 0x86dd:
        length, = struct.unpack(">H", packet[4:6])
        return packet[8:24], packet[24:40], packet[6], packet[40:40 + length]
    return None


def check(frame):
    """Fails unless the checksums are what a receiver expects."""
    found = transport_of(frame)
    if not found or found[2] not in (TCP, UDP, ICMP6):
        return
    source, destination, protocol, data = found
    if protocol == UDP and data[6:8] == b"\0\0" and len(source) == 4:
        return
    pattern = ">II" if len(source) == 16 else ">HH"
    order = (len(data), protocol) if len(source) == 16 else (protocol, len(data))
    expect_equal(frames.checksum(source + destination + struct.pack(pattern, *order) + data), 0,
                 f"sum of a transport part of {len(data)} bytes, protocol {protocol}")


class Carrier:
    """Carries frames between a plain TAP device in each of two namespaces, and checks them."""

    def __init__(self, owned, near, far, mtu):
        self.taps = [self._open(namespace, mtu) for namespace in (near, far)]
        self.longest = self.seen = 0
        self.failure = None
        ended, self._end = os.pipe()
        thread = threading.Thread(target=self._carry, args=(ended,))
        thread.start()
        owned.callback(thread.join)
        owned.callback(os.close, self._end)

    @staticmethod
    def _open(namespace, mtu):
        with namespace.entered():
            descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC)
            fcntl.ioctl(descriptor, TUNSETIFF, struct.pack("16sH22x", b"plain0", IFF_TAP | IFF_NO_PI))
        namespace.run("ip", "link", "set", "plain0", "mtu", str(mtu), "up")
        return descriptor

    def _carry(self, ended):
        while True:
            readable, _, _ = select.select([*self.taps, ended], [], [])
            if ended in readable:
                break
            for descriptor in readable:
                frame = os.read(descriptor, 65536)
                self.seen += 1
                self.longest = max(self.longest, len(frame))
                try:
                    check(frame)
                    os.write(self.taps[descriptor == self.taps[0]], frame)
                except Exception as failure:  # pylint: disable=broad-except # told by the case's own thread
                    self.failure = self.failure or failure
        for descriptor in (*self.taps, ended):
            os.close(descriptor)

    def expect_sound(self):
        if self.failure:
            raise self.failure
        expect(self.seen > 0, "no frame has come by")


def routed(owned, mtu):
    """The network of the netstack, the one behind it, and what carries frames between them."""
    network, far = TapNetwork(owned), Namespace(owned)
    network.run("ip", "link", "set", network.device, "mtu", str(mtu))
    carrier = Carrier(owned, network, far, mtu)
    for side, address, address6 in ((network, NEAR, NEAR6), (far, FAR, FAR6)):
        side.run("ip", "address", "add", f"{address}/24", "dev", "plain0")
        side.run("ip", "address", "add", f"{address6}/64", "dev", "plain0", "nodad")
    far.run("ip", "route", "add", "default", "via", NEAR)
    far.run("ip", "route", "add", "fec0::/64", "via", NEAR6)
    network.run("sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward; echo 1 >/proc/sys/net/ipv6/conf/all/forwarding")
    return network, far, carrier


def mean_frame_to_kernel(network):
    """How long the frames were that the kernel got from the driver, on the average."""
    links = json.loads(network.run("ip", "-s", "-j", "link", "show", network.device).stdout)
    received = links[0]["stats64"]["rx"]
    return received["bytes"] / received["packets"]


def exchange(mtu, driver):
    """Streams and datagrams of both families, there and back; returns the mean length of frames to the kernel."""
    with resources() as owned:
        network, far, carrier = routed(owned, mtu)
        package = Package(owned)
        mean = 0
        for address in (FAR, FAR6):
            stream = far.spawn(owned, *python_command("tcp_echo.py", "serve", address, PORT))
            datagrams = far.spawn(owned, *python_command("udp_echo_server.py", address, PORT))
            stream.wait_for_line("ready")
            datagrams.wait_for_line("ready")
            programs = [python_program("tcp_echo.py", "ask", address, PORT, STREAM_BYTES)]
            programs += [python_program("udp_echo_client.py", address, PORT, size, 50) for size in (1, 1400, 8000)]
            for number, program in enumerate(programs):
                manifest = stack(package, f"run-{number}", program, driver=(f"--mtu={mtu}", *driver))
                done = network.run(jacinth(), "run", manifest, check=False, timeout=4 * PATIENCE)
                expect(done.returncode == 0, f"{address}, {program['args']}: {done.stdout}{done.stderr}")
                mean = max(mean, mean_frame_to_kernel(network))
        carrier.expect_sound()
        expect(carrier.longest <= mtu + 14, f"a frame of {carrier.longest} bytes on a link with an MTU of {mtu}")
        for namespace in (network, far):
            expect_no_checksum_errors(namespace)
        return mean


def expect_no_checksum_errors(namespace):
    counters = namespace.run("cat", "/proc/net/snmp", "/proc/net/snmp6").stdout.splitlines()
    for names, values in zip(counters, counters[1:]):
        if names.startswith(("Tcp: ", "Udp: ")) and "InCsumErrors" in names:
            found = dict(zip(names.split(), values.split()))
            expect_equal(found["InCsumErrors"], "0", f"checksum errors of {names.split()[0]}")
        elif names.startswith(("Udp6InCsumErrors", "Icmp6InCsumErrors")):
            expect_equal(names.split()[1], "0", names.split()[0])


@case
def what_is_left_to_the_kernel_is_done_by_it():
    mean = exchange(1500, ())
    expect(mean > 1514, f"frames of {mean:.0f} bytes: no run of segments went to the kernel")


@case
def what_is_left_to_the_kernel_is_done_by_it_with_larger_frames():
    exchange(9000, ())


@case
def what_is_left_to_the_link_endpoint_is_done_by_it():
    mean = exchange(1500, ("--no-offloads",))
    expect(mean <= 1514, f"frames of {mean:.0f} bytes without offloads")


@case
def what_is_left_to_the_link_endpoint_is_done_by_it_with_larger_frames():
    exchange(9000, ("--no-offloads",))


main()
