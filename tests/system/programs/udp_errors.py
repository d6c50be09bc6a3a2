"""udp_errors.py FAMILY ROUTER FAR NEIGHBOUR: what becomes of datagrams that cannot be delivered, as ip(7) and ipv6(7) have it.

FAMILY is 4 or 6. ROUTER is the next hop to FAR, which answers with ICMP and has nobody at the port of this script; the path
to it is narrower than the own link. NEIGHBOUR would be on the own link, and is not there. Prints what it sees, the same on
any Linux.
"""

import errno
import select
import socket
import struct
import sys

from socket import AF_INET, AF_INET6, IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_IP, IPPROTO_IPV6, SO_ERROR, SO_RCVBUF, \
    SOCK_DGRAM, SOL_SOCKET

IP_TTL, IP_MTU_DISCOVER, IP_RECVERR, IP_RECVTTL = 2, 10, 11, 12
IPV6_UNICAST_HOPS, IPV6_MTU_DISCOVER, IPV6_RECVERR, IPV6_RECVHOPLIMIT, IPV6_HOPLIMIT = 16, 23, 25, 51, 52
MSG_ERRQUEUE = 0x2000
PMTUDISC_DO = 2
CLOSED = 9
PATIENCE = 60
NAMES = {IPPROTO_IP: "IP", IPPROTO_IPV6: "IPV6"}


class Family:
    def __init__(self, version, router, far, neighbour):
        self.v6 = version == "6"
        self.family = AF_INET6 if self.v6 else AF_INET
        self.level = IPPROTO_IPV6 if self.v6 else IPPROTO_IP
        self.recverr = IPV6_RECVERR if self.v6 else IP_RECVERR
        self.router, self.far, self.neighbour = router, far, neighbour
        self.known = {router: "router", far: "far", neighbour: "neighbour"}

    def socket(self, errors=True, protocol=0):
        # Without a timeout, with which Python would wait before it asks the queue of errors.
        made = socket.socket(self.family, SOCK_DGRAM, protocol)
        if errors:
            made.setsockopt(self.level, self.recverr, 1)
        return made

    def ping_socket(self, errors=True):
        return self.socket(errors, IPPROTO_ICMPV6 if self.v6 else IPPROTO_ICMP)

    def set_ttl(self, sender, value):
        sender.setsockopt(self.level, IPV6_UNICAST_HOPS if self.v6 else IP_TTL, value)

    def forbid_fragments(self, sender):
        sender.setsockopt(self.level, IPV6_MTU_DISCOVER if self.v6 else IP_MTU_DISCOVER, PMTUDISC_DO)

    def echo_request(self, payload):
        return struct.pack("!BBHHH", 128 if self.v6 else 8, 0, 0, 0, 7) + payload

    def name(self, address):
        """What an address is to this test."""
        if address.startswith("::ffff:"):
            return "mapped " + self.name(address[7:])
        return self.known.get(address, "none" if address in ("0.0.0.0", "::") else "own")


def name_of(number):
    return errno.errorcode.get(number, 0)


def outcome(call, *arguments):
    try:
        return call(*arguments)
    except OSError as failure:
        return name_of(failure.errno)


def pending(sender):
    return name_of(sender.getsockopt(SOL_SOCKET, SO_ERROR))


def shown(sender, timeout=0):
    poller = select.poll()
    poller.register(sender, select.POLLIN)
    events = sum(bits for _, bits in poller.poll(int(timeout * 1000)))
    return "|".join(name for name, bit in (("IN", select.POLLIN), ("ERR", select.POLLERR)) if events & bit) or "nothing"


def describe(family, level, kind, value):
    if (level, kind) in ((IPPROTO_IP, IP_RECVERR), (IPPROTO_IPV6, IPV6_RECVERR)):
        number, origin, icmp, code, pad, info, data = struct.unpack("=IBBBBII", value[:16])
        of_family, = struct.unpack("=H", value[16:18])
        at = slice(24, 40) if of_family == AF_INET6 else slice(20, 24)
        address = value[at]
        whole = len(address) == at.stop - at.start
        by = "nobody" if not of_family else family.name(socket.inet_ntop(of_family, address)) if whole else "cut"
        return (f"{NAMES[level]}_RECVERR {len(value)} bytes: {name_of(number)} origin {origin} type {icmp} code {code} "
                f"pad {pad} info {info} data {data} by {by}")
    return f"{NAMES.get(level, level)} {kind}: {value.hex()}"


def take(family, sender, room=2000, control=512):
    """Takes one error and says all that is told of it."""
    try:
        data, came, flags, to = sender.recvmsg(room, control, MSG_ERRQUEUE)
    except OSError as failure:
        return name_of(failure.errno)
    to = f"{family.name(to[0])} port {to[1]}" if to else "nowhere"
    head = data[:20].hex() if data[:1] in (b"\x08", b"\x80") else data[:20]
    if data[:1] in (b"\x08", b"\x80"):
        head = head[:4] + "...." + head[12:]  # checksum and identifier are the kernel's
    controls = "; ".join(describe(family, *each) for each in came)
    return f"to {to}: {len(data)} bytes {head} flags {flags:#x} [{controls}]"


def await_error(sender):
    """What shows an error, as soon as something does."""
    shows = shown(sender, PATIENCE)
    assert "ERR" in shows, shows
    return shows


def port_unreachable(family):
    silent, sender = family.socket(errors=False), family.socket()
    print("nothing queued:", take(family, sender))
    silent.sendto(b"silent", (family.far, CLOSED))
    sender.sendto(b"nobody there", (family.far, CLOSED))
    print("shown:", await_error(sender), "and without the option:", shown(silent), pending(silent))
    print("taken:", take(family, sender))
    print("then:", shown(sender), pending(sender), take(family, sender))

    sender.sendto(b"again", (family.far, CLOSED))
    await_error(sender)
    print("receive:", outcome(sender.recv, 10), "then shown:", shown(sender))
    sender.setblocking(False)
    print("receive once more:", outcome(sender.recv, 10))
    print("queued all the same:", take(family, sender, room=3))
    print("then:", shown(sender))

    sender.sendto(b"dropped", (family.far, CLOSED))
    await_error(sender)
    sender.setsockopt(family.level, family.recverr, 0)
    print("turned off:", take(family, sender), pending(sender), pending(sender), shown(sender))


def connected(family):
    sender = family.socket()
    sender.connect((family.far, CLOSED))
    sender.send(b"one")
    await_error(sender)
    print("send:", outcome(sender.send, b"two"), "and again:", outcome(sender.send, b"three"))
    taken = 0
    while taken < 2:
        await_error(sender)
        said = take(family, sender)
        if said != "EAGAIN":
            taken += 1
            print("taken:", said)
    print("no address, no room for control:", take(family, sender, control=0))


def order(family):
    sender = family.socket()
    family.set_ttl(sender, 1)
    sender.sendto(b"first", (family.far, CLOSED))
    await_error(sender)
    family.set_ttl(sender, 64)
    print("pending:", pending(sender))
    sender.sendto(b"second", (family.far, CLOSED))
    while (error := pending(sender)) == 0:
        assert select.select([sender], [], [], PATIENCE)[0]
    print("pending:", error)
    print("taken:", take(family, sender), "pending:", pending(sender))
    print("taken:", take(family, sender, room=0, control=40), "pending:", pending(sender))


def accompanied(family):
    sender = family.socket()
    sender.setsockopt(family.level, IPV6_RECVHOPLIMIT if family.v6 else IP_RECVTTL, 1)
    family.set_ttl(sender, 1)
    sender.sendto(b"with a hop limit", (family.far, CLOSED))
    await_error(sender)
    print("taken:", take(family, sender))


def too_large(family):
    sender = family.socket()
    family.forbid_fragments(sender)
    sender.sendto(bytes(1350), (family.far, CLOSED))
    await_error(sender)
    print("taken:", take(family, sender))
    print("sent:", outcome(sender.sendto, bytes(1350), (family.far, CLOSED)), shown(sender), pending(sender))
    print("taken:", take(family, sender))
    sender.connect((family.far, CLOSED))
    print("sent:", outcome(sender.send, bytes(1350)), shown(sender), pending(sender))
    print("taken:", take(family, sender), shown(sender))


def pings(family):
    sender, silent = family.ping_socket(), family.ping_socket(errors=False)
    for each in silent, sender:
        family.set_ttl(each, 1)
        each.sendto(family.echo_request(b"too far"), (family.far, 0))
    print("shown:", await_error(sender), "and without the option:", shown(silent))
    print("taken:", take(family, sender))
    family.set_ttl(sender, 64)
    sender.sendto(family.echo_request(b"there and back"), (family.far, 0))
    print("shown:", shown(sender, PATIENCE), sender.recv(100)[8:])


def await_answer(fence, family):
    """Waits until FAR has dealt with all that was sent to it; those who send ICMP limit how much, so more than once."""
    while True:
        fence.sendto(b"behind it", (family.far, CLOSED))
        if shown(fence, 0.1) != "nothing":
            break
    while take(family, fence) != "EAGAIN":
        pass


def bounded(family):
    sender, fence = family.socket(), family.socket()
    sender.setsockopt(SOL_SOCKET, SO_RCVBUF, 16384)
    happened = taken = 0
    while happened < 100:
        sender.sendto(bytes(500), (family.far, CLOSED))
        await_answer(fence, family)
        happened += pending(sender) == "ECONNREFUSED"
    while take(family, sender) != "EAGAIN":
        taken += 1
    print("as many as there is room for:", 0 < taken < happened, pending(sender))


def neighbour(family):
    sender = family.socket()
    sender.sendto(b"to the link", (family.neighbour, CLOSED))
    await_error(sender)
    print("taken:", take(family, sender))


def mapped(family):
    """Where IPv4 is spoken on an IPv6 socket, the option of IPv4 counts, and the message is IPv6's."""
    sender = socket.socket(AF_INET6, SOCK_DGRAM)
    sender.setsockopt(IPPROTO_IP, IP_RECVERR, 1)
    sender.sendto(b"mapped", ("::ffff:" + family.far, CLOSED))
    await_error(sender)
    print("taken:", take(family, sender))


def options(family):
    sender = family.socket(errors=False)
    before = sender.getsockopt(family.level, family.recverr)
    sender.setsockopt(family.level, family.recverr, 5)
    stream = socket.socket(family.family)
    stream.setsockopt(family.level, family.recverr, 1)
    print("option:", before, sender.getsockopt(family.level, family.recverr),
          stream.getsockopt(family.level, family.recverr), outcome(stream.recvmsg, 1, 64, MSG_ERRQUEUE))


def main(*arguments):
    family = Family(*arguments)
    for part in (port_unreachable, connected, order, accompanied, too_large, pings, bounded, options, neighbour):
        print(f"== {part.__name__}")
        part(family)
    if not family.v6:
        print("== mapped")
        mapped(family)


main(*sys.argv[1:])
