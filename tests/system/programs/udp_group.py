"""udp_group.py INTERFACE PORT GROUP...: joins each group, prints "joined"; prints what a datagram to each of them says;
leaves them, prints "left", and waits to be ended."""

import socket
import struct
import sys
import signal


def join(group, port, interface):
    """A socket that is bound to a group and in it, and what leaves it."""
    index = socket.if_nametoindex(interface)
    if ":" in group:
        joined = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        request = socket.inet_pton(socket.AF_INET6, group) + struct.pack("=I", index)
        level, add, drop = socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, socket.IPV6_LEAVE_GROUP
    else:
        joined = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        request = struct.pack("=4s4si", socket.inet_aton(group), bytes(4), index)
        level, add, drop = socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.IP_DROP_MEMBERSHIP
    joined.bind((group, port))
    joined.setsockopt(level, add, request)
    return joined, lambda: joined.setsockopt(level, drop, request)


def main(interface, port, *groups):
    members = [join(group, int(port), interface) for group in groups]
    print("joined", flush=True)
    for member, _ in members:
        print(member.recv(100).decode(), flush=True)
    for _, leave in members:
        leave()
    print("left", flush=True)
    signal.pause()


main(*sys.argv[1:])
