"""Ethernet frames made by hand, for what no kernel sends."""

import socket
import struct

BROADCAST = b"\xff" * 6


def checksum(data):
    total = sum(struct.unpack(f">{len(data) // 2}H", data[:len(data) & ~1])) + (data[-1] << 8 if len(data) % 2 else 0)
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def put_checksum(data, offset, pseudo=b""):
    return data[:offset] + struct.pack(">H", checksum(pseudo + data) or 0xffff) + data[offset + 2:]


def arp(operation, mac, source, destination):
    return BROADCAST + mac + struct.pack(">HHHBBH", 0x0806, 1, 0x0800, 6, 4, operation) + mac + \
        socket.inet_aton(source) + bytes(6) + socket.inet_aton(destination)


def ip4(to_mac, mac, source, destination, protocol, payload, fragment=0):
    header = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(payload), 0x4a43, fragment, 64, protocol, 0)
    header = put_checksum(header + socket.inet_aton(source) + socket.inet_aton(destination), 10)
    return to_mac + mac + b"\x08\x00" + header + payload


def ip6(to_mac, mac, source, destination, protocol, payload):
    addresses = socket.inet_pton(socket.AF_INET6, source) + socket.inet_pton(socket.AF_INET6, destination)
    return to_mac + mac + b"\x86\xdd" + struct.pack(">IHBB", 6 << 28, len(payload), protocol, 255) + addresses + payload


def pseudo(source, destination, protocol, length):
    """The pseudo-header that UDP and ICMPv6 sum up (RFC 768, RFC 8200 section 8.1)."""
    if ":" in source:
        return socket.inet_pton(socket.AF_INET6, source) + socket.inet_pton(socket.AF_INET6, destination) + \
            struct.pack(">II", length, protocol)
    return socket.inet_aton(source) + socket.inet_aton(destination) + struct.pack(">HH", protocol, length)


def udp(source, destination, source_port, port, payload):
    data = struct.pack(">HHHH", source_port, port, 8 + len(payload), 0) + payload
    return put_checksum(data, 6, pseudo(source, destination, 17, len(data)))


def icmp_echo(payload):
    return put_checksum(struct.pack(">BBHHH", 8, 0, 0, 1, 1) + payload, 2)


def icmp6(source, destination, kind, body):
    data = struct.pack(">BBH", kind, 0, 0) + body
    return put_checksum(data, 2, pseudo(source, destination, 58, len(data)))
