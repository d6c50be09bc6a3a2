"""udp_packet_info.py ADDRESS ADDRESS6 INTERFACE: what accompanies datagrams, as ip(7), ipv6(7) and RFC 3542 have it.

The addresses are this host's, and the interface has them. Holds on any POSIX system with Linux's options; prints "ok" and
ends with status 0 if it does here.
"""

import errno
import socket
import struct
import sys

from socket import AF_INET, AF_INET6, IPPROTO_IP, IPPROTO_IPV6, inet_aton, inet_pton

IP_TOS, IP_TTL, IP_RECVTTL, IP_RECVTOS, IP_PKTINFO = 1, 2, 12, 13, 8
IPV6_RECVPKTINFO, IPV6_PKTINFO, IPV6_RECVHOPLIMIT, IPV6_HOPLIMIT, IPV6_RECVTCLASS, IPV6_TCLASS = 49, 50, 51, 52, 66, 67
SOL_UDP, UDP_SEGMENT = 17, 103
PATIENCE = 10
GROUP = "239.1.2.3"
NOWHERE = 0x7fff0000


def packet_info(interface=0, local="0.0.0.0"):
    return IPPROTO_IP, IP_PKTINFO, struct.pack("=i4s4s", interface, inet_aton(local), bytes(4))


def packet_info6(interface=0, local="::"):
    return IPPROTO_IPV6, IPV6_PKTINFO, struct.pack("=16si", inet_pton(AF_INET6, local), interface)


def number(level, kind, value):
    return level, kind, struct.pack("=i", value)


class Pair:
    """A socket bound to every address, and one that sends to it."""

    def __init__(self, family, address="", *options):
        self.receiver = socket.socket(family, socket.SOCK_DGRAM)
        self.sender = socket.socket(family, socket.SOCK_DGRAM)
        self.receiver.settimeout(PATIENCE)
        for level, name in options:
            self.receiver.setsockopt(level, name, 1)
        self.receiver.bind((address, 0))
        self.port = self.receiver.getsockname()[1]

    def send(self, to, *control):
        self.sender.sendmsg([b"x"], control, 0, (to, self.port))

    def refused(self, to, *control):
        """The errno with which a datagram is refused; 0 if it is not."""
        try:
            self.send(to, *control)
        except OSError as failure:
            return failure.errno
        self.receiver.recv(1)
        return 0

    def receive(self, to, *control, room=512):
        """Sends a datagram; what came with it, by level and kind, its flags and its sender's address."""
        self.send(to, *control)
        data, came, flags, sender = self.receiver.recvmsg(1, room)
        assert data == b"x"
        return {(level, kind): value for level, kind, value in came}, flags, sender[0]


def ipv4(own, interface):
    pair = Pair(AF_INET, "", (IPPROTO_IP, IP_PKTINFO), (IPPROTO_IP, IP_RECVTTL), (IPPROTO_IP, IP_RECVTOS))
    for address in (own, "127.0.0.1"):
        came, flags, _ = pair.receive(address, number(IPPROTO_IP, IP_TTL, 7), number(IPPROTO_IP, IP_TOS, 0x28))
        index, local, header = struct.unpack("=i4s4s", came[IPPROTO_IP, IP_PKTINFO])
        assert index and local == header == inet_aton(address), came
        assert came[IPPROTO_IP, IP_TTL] == struct.pack("=i", 7)
        assert came[IPPROTO_IP, IP_TOS] == b"\x28"
        assert flags == 0
    came, _, _ = pair.receive(own, (IPPROTO_IP, IP_TOS, b"\x2a"))
    assert came[IPPROTO_IP, IP_TOS] == b"\x2a"
    _, _, sender = pair.receive(own, packet_info(0, "127.0.0.1"))
    assert sender == "127.0.0.1", sender
    _, _, sender = pair.receive("127.0.0.1", packet_info(0, own))
    assert sender == own, sender

    # A group is no address to answer from: the interface's is told besides.
    join = inet_aton(GROUP) + inet_aton(own)
    pair.receiver.setsockopt(IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, join)
    came, _, sender = pair.receive(GROUP, packet_info(interface))
    index, local, header = struct.unpack("=i4s4s", came[IPPROTO_IP, IP_PKTINFO])
    assert (index, local, header) == (interface, inet_aton(own), inet_aton(GROUP)), came
    assert sender == own

    assert pair.refused(own, packet_info(0, "192.0.2.77")) in (errno.EINVAL, errno.ENETUNREACH)  # kernels differ
    assert pair.refused(own, packet_info(NOWHERE)) == errno.ENODEV
    assert pair.refused(own, (IPPROTO_IP, IP_PKTINFO, bytes(8))) == errno.EINVAL
    assert pair.refused(own, number(IPPROTO_IP, IP_TTL, 0)) == errno.EINVAL
    assert pair.refused(own, number(IPPROTO_IP, IP_TOS, 256)) == errno.EINVAL
    assert pair.refused(own, (IPPROTO_IP, IP_TOS, bytes(2))) == errno.EINVAL
    assert pair.refused(own, number(IPPROTO_IP, 99, 1)) == errno.EINVAL
    assert pair.refused(own, number(socket.SOL_SOCKET, 99, 1)) == errno.EINVAL
    assert pair.refused(own, (SOL_UDP, UDP_SEGMENT, bytes(4))) == errno.EINVAL

    # What does not fit is cut, and that is told.
    came, flags, _ = pair.receive(own, room=socket.CMSG_SPACE(12) + socket.CMSG_LEN(2))
    assert flags & socket.MSG_CTRUNC and (IPPROTO_IP, IP_PKTINFO) in came and len(came) < 3, (came, flags)


def ipv6(own, interface):
    pair = Pair(AF_INET6, "", (IPPROTO_IPV6, IPV6_RECVPKTINFO), (IPPROTO_IPV6, IPV6_RECVHOPLIMIT),
                (IPPROTO_IPV6, IPV6_RECVTCLASS))
    for address in (own, "::1"):
        came, flags, _ = pair.receive(address, number(IPPROTO_IPV6, IPV6_HOPLIMIT, 7),
                                      number(IPPROTO_IPV6, IPV6_TCLASS, 0x28))
        local, index = struct.unpack("=16si", came[IPPROTO_IPV6, IPV6_PKTINFO])
        assert index and local == inet_pton(AF_INET6, address), came
        assert came[IPPROTO_IPV6, IPV6_HOPLIMIT] == struct.pack("=i", 7)
        assert came[IPPROTO_IPV6, IPV6_TCLASS] == struct.pack("=i", 0x28)
        assert flags == 0
    _, _, sender = pair.receive("::1", packet_info6(0, own))
    assert sender == own, sender
    assert pair.refused(own, packet_info6(0, "2001:db8::77")) == errno.EINVAL
    assert pair.refused(own, packet_info6(NOWHERE)) == errno.ENODEV
    assert pair.refused(own, (IPPROTO_IPV6, IPV6_PKTINFO, bytes(8))) == errno.EINVAL
    assert pair.refused(own, number(IPPROTO_IPV6, IPV6_TCLASS, 256)) == errno.EINVAL
    assert pair.refused(own, number(IPPROTO_IPV6, 9999, 1)) == errno.EINVAL


def ipv4_on_an_ipv6_socket(own, interface):
    """Where both families come to one socket, each datagram is told of in the way of its own."""
    pair = Pair(AF_INET6, "", (IPPROTO_IPV6, IPV6_RECVPKTINFO), (IPPROTO_IPV6, IPV6_RECVHOPLIMIT),
                (IPPROTO_IPV6, IPV6_RECVTCLASS), (IPPROTO_IP, IP_RECVTTL), (IPPROTO_IP, IP_PKTINFO))
    mapped, loopback = "::ffff:" + own, "::ffff:127.0.0.1"
    came, _, _ = pair.receive(mapped, number(IPPROTO_IP, IP_TTL, 9), number(IPPROTO_IPV6, IPV6_HOPLIMIT, 5))
    local, index = struct.unpack("=16si", came.pop((IPPROTO_IPV6, IPV6_PKTINFO)))
    assert index and local == inet_pton(AF_INET6, mapped), local
    _, local, header = struct.unpack("=i4s4s", came.pop((IPPROTO_IP, IP_PKTINFO)))
    assert local == header == inet_aton(own)
    assert came == {(IPPROTO_IP, IP_TTL): struct.pack("=i", 9)}, came
    for control in (packet_info6(0, loopback), packet_info(0, "127.0.0.1")):
        _, _, sender = pair.receive(mapped, control)
        assert sender == loopback, sender
    assert pair.refused(mapped, packet_info6(0, "::1")) == errno.EINVAL


def main(own, own6, name):
    interface = socket.if_nametoindex(name)
    ipv4(own, interface)
    ipv6(own6, interface)
    ipv4_on_an_ipv6_socket(own, interface)
    print("ok")


main(*sys.argv[1:])
