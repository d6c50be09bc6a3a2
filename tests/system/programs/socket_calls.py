"""socket_calls.py: what calls on sockets of the internet answer, in order and out of it, one line for each.

Needs nothing but loopback, and as its argument an address of the network that nobody has. Each line begins with a name of its own and a colon, so that two systems can be compared; nothing in
them depends on time or on numbers that are chosen by chance.
"""

import array
import ctypes
import errno
import fcntl
import os
import select
import signal
import struct
import sys
import termios

from socket import *  # pylint: disable=wildcard-import,unused-wildcard-import # it is about all of them

HERE, HERE6 = "127.0.0.1", "::1"
PATIENCE = 30
SO_PRIORITY, SO_REUSEPORT, SO_BINDTODEVICE = 12, 15, 25
MSG_ERRQUEUE, MSG_MORE, UDP_CORK = 0x2000, 0x8000, 1
SHOWN = {"IN": select.POLLIN, "PRI": select.POLLPRI, "OUT": select.POLLOUT, "ERR": select.POLLERR, "HUP": select.POLLHUP,
         "RDHUP": select.POLLRDHUP}
LIBC = ctypes.CDLL(None, use_errno=True)


def say(name, *values):
    print(f"{name}:", *values, flush=True)


def answer(call, *arguments):
    """What a call returns, or the name of its error."""
    try:
        return call(*arguments)
    except OSError as failure:
        return errno.errorcode[failure.errno]


def raw(name, *arguments):
    """What a function of the C library returns, and the name of its error if that is -1."""
    result = getattr(LIBC, name)(*arguments)
    return (result, errno.errorcode[ctypes.get_errno()]) if result < 0 else result


def shown(sock, until="", without=""):
    """What poll says of a socket; waits for some of it, or for some of it to go."""
    poller = select.poll()
    poller.register(sock, sum(SHOWN.values()) & ~(select.POLLERR | select.POLLHUP))
    events = 0
    for _ in range(PATIENCE * 100):
        events = sum(bits for _, bits in poller.poll(0))
        if all(events & SHOWN[each] for each in until.split()) and not any(events & SHOWN[each] for each in without.split()):
            break
        select.select([], [], [], 0.01)
    return "|".join(name for name, bit in SHOWN.items() if events & bit) or "nothing"


def tcp(family=AF_INET):
    return socket(family, SOCK_STREAM)


def udp(family=AF_INET):
    return socket(family, SOCK_DGRAM)


def listener(backlog=5):
    made = tcp()
    made.bind((HERE, 0))
    made.listen(backlog)
    return made


def pair():
    """Two ends of a connection."""
    with listener() as waiting:
        client = tcp()
        client.connect(waiting.getsockname())
        server, _ = waiting.accept()
    return client, server


def datagrams():
    """A receiver, and a sender that is connected to it."""
    receiver, sender = udp(), udp()
    receiver.bind((HERE, 0))
    sender.connect(receiver.getsockname())
    return receiver, sender


def error_of(sock):
    return errno.errorcode.get(sock.getsockopt(SOL_SOCKET, SO_ERROR), 0)


def fresh():
    for name, made in (("tcp", tcp()), ("udp", udp())):
        made.setblocking(False)
        say(f"{name} shows", shown(made))
        say(f"{name} recv", answer(made.recv, 1))
        say(f"{name} send", answer(made.send, b"x"))
        say(f"{name} getpeername", answer(made.getpeername))
        say(f"{name} getsockname", answer(made.getsockname)[0])
        say(f"{name} has a port after a send without a peer", made.getsockname()[1] != 0)
        say(f"{name} shutdown", answer(made.shutdown, SHUT_RD), answer(made.shutdown, SHUT_WR), answer(made.shutdown, 7))
        say(f"{name} accept", answer(made.accept))
        say(f"{name} recv out of band", answer(made.recv, 1, MSG_OOB))
    say("udp listen", answer(udp().listen, 1))
    say("tcp listen without an address", answer(tcp().listen, 0))


def creation():
    for family, kind, protocol in ((AF_INET, SOCK_STREAM, 17), (AF_INET, SOCK_DGRAM, 6), (AF_INET, 99, 0), (99, SOCK_STREAM, 0),
                                   (AF_INET, SOCK_DGRAM, IPPROTO_ICMP), (AF_INET6, SOCK_DGRAM, IPPROTO_ICMPV6),
                                   (AF_INET, SOCK_STREAM, 255), (AF_INET, SOCK_STREAM, 263)):
        result = raw("socket", family, kind, protocol)
        say(f"socket {int(family)} {int(kind)} {protocol}", result if isinstance(result, tuple) else "made")


def binding():
    first = tcp()
    first.bind((HERE, 0))
    port = first.getsockname()[1]
    second = tcp()
    say("bind twice", answer(first.bind, (HERE, 0)))
    say("bind a port in use", answer(second.bind, (HERE, port)), answer(second.bind, ("", port)))
    second.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
    say("bind, only one wants to share", answer(second.bind, (HERE, port)))
    first.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
    say("bind, both want to share", answer(second.bind, (HERE, port)))
    say("listen, both", answer(first.listen, 1), answer(second.listen, 1))
    say("bind an address of others", answer(tcp().bind, ("192.0.2.1", 0)), answer(udp().bind, ("192.0.2.1", 0)))
    say("bind a group", answer(udp().bind, ("224.1.1.1", 0)))
    say("bind too short", raw("bind", tcp().fileno(), struct.pack("=H2x", AF_INET), 4))
    say("bind another family", raw("bind", tcp().fileno(), struct.pack("=H26x", AF_INET6), 28))
    say("bind no family, any address", raw("bind", tcp().fileno(), struct.pack("=H14x", AF_UNSPEC), 16))
    say("bind no family, an address",
        raw("bind", tcp().fileno(), struct.pack("=HH4s8x", AF_UNSPEC, 0, inet_aton(HERE)), 16))
    one, other = udp(), udp()
    one.bind((HERE, 0))
    say("bind udp in use", answer(other.bind, one.getsockname()))
    one.setsockopt(SOL_SOCKET, SO_REUSEPORT, 1)
    other.setsockopt(SOL_SOCKET, SO_REUSEPORT, 1)
    say("bind udp, both spread", answer(other.bind, one.getsockname()))
    both = tcp(AF_INET6)
    both.bind(("::", 0))
    say("bind what an IPv6 socket has too", answer(tcp().bind, ("", both.getsockname()[1])))
    only = tcp(AF_INET6)
    only.setsockopt(IPPROTO_IPV6, IPV6_V6ONLY, 1)
    only.bind(("::", 0))
    say("bind what an IPv6 socket leaves", answer(tcp().bind, ("", only.getsockname()[1])))
    say("IPV6_V6ONLY after bind", answer(only.setsockopt, IPPROTO_IPV6, IPV6_V6ONLY, 0))
    client, server = pair()
    say("bind, listen connected", answer(client.bind, (HERE, 0)), answer(server.listen, 1))


def leaving():
    """Whose a port is whose connections are not over."""

    def bind_again(address, reuse=0):
        made = tcp()
        made.setsockopt(SOL_SOCKET, SO_REUSEADDR, reuse)
        return answer(made.bind, address)

    for shared in (0, 1):
        waiting = tcp()
        waiting.setsockopt(SOL_SOCKET, SO_REUSEADDR, shared)
        waiting.bind((HERE, 0))
        waiting.listen(1)
        address = waiting.getsockname()
        client = tcp()
        client.connect(address)
        server, _ = waiting.accept()
        waiting.close()
        say(f"listener gone, shared {shared}", server.getsockopt(SOL_SOCKET, SO_REUSEADDR), bind_again(address),
            bind_again(address, 1), bind_again(("", address[1])), bind_again(("127.0.0.2", address[1])))
        server.close()
        client.recv(1)
        client.close()
        say(f"port in TIME-WAIT, shared {shared}", bind_again(address), bind_again(address, 1), bind_again(("", address[1])),
            bind_again(("127.0.0.2", address[1])))
    waiting = listener()
    client = tcp()
    client.connect(waiting.getsockname())
    server, _ = waiting.accept()
    address = client.getsockname()
    client.close()
    server.recv(1)
    server.close()
    say("port that connecting chose in TIME-WAIT", bind_again(address), bind_again(address, 1))


def connecting():
    with listener() as gone:
        nobody = gone.getsockname()
    refused = tcp()
    say("connect refused", answer(refused.connect, nobody), error_of(refused))
    waiting = listener()
    say("connect after that", answer(refused.connect, waiting.getsockname()))
    say("connect twice", answer(refused.connect, waiting.getsockname()))
    late = tcp()
    late.setblocking(False)
    say("connect without waiting", answer(late.connect, waiting.getsockname()))
    say("connected shows", shown(late, "OUT"), error_of(late))
    say("connect without waiting, again", answer(late.connect, waiting.getsockname()))
    say("connect a listener", answer(waiting.connect, nobody))
    say("send and receive on a listener", answer(waiting.send, b"x"), answer(waiting.recv, 1))
    for name, made in (("tcp", tcp), ("udp", udp)):
        say(f"{name} connect too short", raw("connect", made().fileno(), struct.pack("=H2x", AF_INET), 4))
        say(f"{name} connect another family", raw("connect", made().fileno(), struct.pack("=H26x", AF_INET6), 28))
    to_any = tcp()
    say("connect to any", answer(to_any.connect, ("0.0.0.0", waiting.getsockname()[1])), to_any.getpeername()[0])
    sender = udp()
    sender.connect(nobody)
    sender.send(b"x")
    select.select([sender], [], [], PATIENCE)
    say("send to nobody, then", answer(sender.send, b"x"))
    disconnected = udp()
    disconnected.connect(nobody)
    say("disconnect", raw("connect", disconnected.fileno(), struct.pack("=H14x", AF_UNSPEC), 16),
        answer(disconnected.getpeername), disconnected.getsockname()[0])


def giving_up():
    """A connection in the making that is shut down."""
    for name, how in (("reading", SHUT_RD), ("writing", SHUT_WR), ("both", SHUT_RDWR)):
        made = tcp()
        made.setblocking(False)
        say(f"shutdown of {name} while connecting", answer(made.connect, (sys.argv[1], 9)), shown(made), answer(made.recv, 1),
            answer(made.send, b"x"), answer(made.shutdown, how), answer(made.recv, 1), answer(made.send, b"x"),
            answer(made.shutdown, how), answer(made.getpeername))
        say(f"connect after shutdown of {name}", answer(made.connect, (sys.argv[1], 9)), answer(made.shutdown, how),
            error_of(made), error_of(made))


def mapped():
    waiting = tcp(AF_INET6)
    waiting.bind(("::", 0))
    waiting.listen(5)
    port = waiting.getsockname()[1]
    client = tcp()
    client.connect((HERE, port))
    server, address = waiting.accept()
    say("mapped accept", address[0], server.getsockname()[0])
    client = tcp(AF_INET6)
    say("mapped connect", answer(client.connect, ("::ffff:127.0.0.1", port)), client.getsockname()[0], client.getpeername()[0])
    only = tcp(AF_INET6)
    only.setsockopt(IPPROTO_IPV6, IPV6_V6ONLY, 1)
    say("mapped connect of IPv6 only", answer(only.connect, ("::ffff:127.0.0.1", port)))
    say("link-local without a scope", answer(udp(AF_INET6).connect, ("fe80::1", 80, 0, 0)),
        answer(tcp(AF_INET6).connect, ("fe80::1", 80, 0, 0)), answer(udp(AF_INET6).bind, ("fe80::1", 80, 0, 0)),
        answer(tcp(AF_INET6).bind, ("fe80::1", 80, 0, 0)))


def of_datagrams():
    receiver, sender = datagrams()
    counted = array.array("i", [9])
    say("empty datagram", answer(sender.send, b""), shown(receiver, "IN"), fcntl.ioctl(receiver, termios.FIONREAD, counted),
        counted[0], answer(receiver.recv, 10), shown(receiver, without="IN"))
    for name, take in (("peek", lambda: (receiver.recv(2, MSG_PEEK), receiver.recv(9))),
                       ("cut", lambda: receiver.recvmsg(2)[::2]),
                       ("cut to nothing", lambda: LIBC.recv(receiver.fileno(), None, 0, 0)),
                       ("length of a cut one", lambda: LIBC.recv(receiver.fileno(), None, 0, MSG_TRUNC)),
                       ("read nothing", lambda: (os.read(receiver.fileno(), 0), receiver.recv(9))),
                       ("out of band", lambda: receiver.recv(9, MSG_OOB))):
        sender.send(b"hello")
        shown(receiver, "IN")
        say(f"datagram {name}", take(), shown(receiver, without="IN"))
    say("send out of band", answer(sender.send, b"x", MSG_OOB))
    say("send what is too long", answer(sender.send, bytes(65508)))
    say("send to port 0", answer(udp().sendto, b"x", (HERE, 0)))
    say("send to everybody", answer(udp().sendto, b"x", ("127.255.255.255", 9)))
    receiver.setblocking(False)
    say("receive from the queue of errors", answer(receiver.recv, 1, MSG_ERRQUEUE))
    receiver.connect(sender.getsockname())
    say("shutdown of reading", answer(receiver.shutdown, SHUT_RD), shown(receiver, "RDHUP"))
    receiver.setblocking(True)
    say("receive then", answer(receiver.recv, 9))
    say("shutdown of writing", answer(sender.shutdown, SHUT_WR), answer(sender.send, b"x"))


def pieces():
    """Datagrams that are sent in pieces."""
    receiver, sender = datagrams()
    other, unconnected = udp(), udp()
    other.bind((HERE, 0))
    receiver.settimeout(PATIENCE)

    def corked(value):
        return answer(sender.setsockopt, IPPROTO_UDP, UDP_CORK, value)

    say("more, and the last", sender.send(b"one", MSG_MORE), sender.send(b"", MSG_MORE), sender.send(b"two"), receiver.recv(9))
    say("the first piece's address counts", sender.send(b"a", MSG_MORE), sender.sendto(b"b", MSG_MORE, other.getsockname()),
        sender.sendto(b"c", other.getsockname()), receiver.recv(9))
    say("without a peer", unconnected.sendto(b"p", MSG_MORE, receiver.getsockname()), unconnected.send(b"q"), receiver.recv(9))
    say("the last without a peer", answer(unconnected.send, b"q"), answer(unconnected.send, b"q", MSG_MORE))
    say("the first piece's fields count", sender.sendmsg([b"a"], [], MSG_MORE),
        sender.sendmsg([b"b"], [(IPPROTO_IP, IP_TTL, struct.pack("i", 9))]), receiver.recv(9))
    say("a piece out of band", answer(sender.send, b"x", MSG_MORE | MSG_OOB), sender.send(b"a", MSG_MORE),
        answer(sender.send, b"x", MSG_OOB), sender.send(b"c"), receiver.recv(9))
    say("cork", sender.getsockopt(IPPROTO_UDP, UDP_CORK), corked(2), sender.getsockopt(IPPROTO_UDP, UDP_CORK), sender.send(b"x"),
        sender.send(b"y"), corked(0), receiver.recv(9), corked(b"short"[:1]))
    say("cork of nothing, of an empty piece", corked(1), corked(0), corked(1), sender.send(b""), corked(0), receiver.recv(9))
    say("more, then the cork is drawn", sender.send(b"m", MSG_MORE), corked(0), sender.send(b"n"), receiver.recv(9),
        receiver.recv(9))
    say("pieces too long together", len([sender.send(bytes(30000), MSG_MORE) for _ in range(2)]),
        answer(sender.send, bytes(6000), MSG_MORE), sender.send(b"z"), receiver.recv(9))
    say("as long as can be", sender.send(bytes(60000), MSG_MORE), sender.send(bytes(5000)), len(receiver.recv(1 << 16)))
    sender.send(b"forgotten", MSG_MORE)
    sender.close()
    unconnected.sendto(b"next", receiver.getsockname())
    say("closed before the last", receiver.recv(9))
    for name, made in (("tcp", tcp()), ("udp6", udp(AF_INET6)), ("ping", socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP))):
        say(f"{name} cork", answer(made.getsockopt, IPPROTO_UDP, UDP_CORK), answer(made.setsockopt, IPPROTO_UDP, UDP_CORK, 1))


def closing():
    client, server = pair()
    client.shutdown(SHUT_WR)
    say("half closed", shown(client), shown(server, "RDHUP"), server.recv(9), server.send(b"late"), shown(client, "IN"),
        client.recv(9))
    say("send after shutdown", answer(client.send, b"x", MSG_NOSIGNAL))
    server.shutdown(SHUT_WR)
    say("both half closed", shown(client, "HUP"), client.recv(9), server.recv(9))
    client, server = pair()
    client.send(b"data")
    shown(server, "IN")
    say("read what came before shutdown", answer(server.shutdown, SHUT_RD), server.recv(9), server.recv(9))
    client, server = pair()
    client.send(b"unread")
    shown(server, "IN")
    server.close()
    say("reset by the peer", "HUP" in shown(client, "HUP"), answer(client.recv, 1), answer(client.recv, 1))
    client, server = pair()
    server.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
    server.close()
    say("reset told by SO_ERROR", "HUP" in shown(client, "HUP"), error_of(client), error_of(client), answer(client.recv, 1))
    waiting = listener()
    client = tcp()
    client.connect(waiting.getsockname())
    client.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
    shown(waiting, "IN")
    client.close()
    server, address = waiting.accept()
    say("reset before it was accepted", address[0], "HUP" in shown(server, "HUP"), answer(server.send, b"x"), server.recv(1),
        answer(server.send, b"x"))


def of_streams():
    client, server = pair()
    server.send(b"hello")
    shown(client, "IN")
    say("stream peek", client.recv(2, MSG_PEEK), client.recv(9))
    server.send(bytes(20000))
    total = 0
    while total < 20000:
        select.select([client], [], [], PATIENCE)
        total += LIBC.recv(client.fileno(), None, 20000 - total, MSG_TRUNC)
    say("stream thrown away", total, shown(client))
    server.send(b"xyz", MSG_OOB)
    say("urgent", shown(client, "PRI IN"), client.recv(1, MSG_OOB), answer(client.recv, 1, MSG_OOB), client.recv(9))
    say("send to an address", answer(server.sendto, b"q", (HERE, 1)), client.recvfrom(1))
    say("stream queue of errors", answer(client.recv, 1, MSG_ERRQUEUE))
    client.setsockopt(SOL_SOCKET, SO_RCVTIMEO, struct.pack("=qq", 0, 20000))
    server.send(b"ab")
    say("timeouts", answer(client.recv, 4, MSG_WAITALL), answer(client.recv, 1))


def accepting():
    waiting = listener()
    for level, name, value in ((SOL_SOCKET, SO_KEEPALIVE, 1), (IPPROTO_TCP, TCP_NODELAY, 1), (IPPROTO_IP, IP_TTL, 33),
                               (IPPROTO_TCP, TCP_KEEPIDLE, 99), (SOL_SOCKET, SO_OOBINLINE, 1),
                               (SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 5))):
        waiting.setsockopt(level, name, value)
    waiting.setblocking(False)
    say("accept nobody", answer(waiting.accept))
    clients = [tcp() for _ in range(3)]
    for client in clients:
        client.connect(waiting.getsockname())
    shown(waiting, "IN")
    say("accept4 with unknown flags", raw("accept4", waiting.fileno(), None, None, 1))
    accepted = socket(fileno=LIBC.accept(waiting.fileno(), None, None))
    say("inherited", accepted.getsockopt(SOL_SOCKET, SO_KEEPALIVE), accepted.getsockopt(IPPROTO_TCP, TCP_NODELAY),
        accepted.getsockopt(IPPROTO_IP, IP_TTL), accepted.getsockopt(IPPROTO_TCP, TCP_KEEPIDLE),
        accepted.getsockopt(SOL_SOCKET, SO_OOBINLINE), accepted.getsockopt(SOL_SOCKET, SO_LINGER, 8).hex(),
        accepted.getsockopt(SOL_SOCKET, SO_ACCEPTCONN), waiting.getsockopt(SOL_SOCKET, SO_ACCEPTCONN))
    say("not inherited", fcntl.fcntl(accepted, fcntl.F_GETFL) & os.O_NONBLOCK)
    length, address = ctypes.c_int(3), ctypes.create_string_buffer(16)
    shown(waiting, "IN")
    descriptor = LIBC.accept(waiting.fileno(), address, ctypes.byref(length))
    say("accept with little room", descriptor >= 0, length.value, address.raw[:2].hex())
    length.value = -1
    say("getsockname with less than nothing", raw("getsockname", descriptor, address, ctypes.byref(length)))
    length.value = 0
    say("getpeername with no room", raw("getpeername", descriptor, address, ctypes.byref(length)), length.value)


def options():
    """Defaults that are not a matter of the system's configuration."""
    kinds = {"tcp": tcp(), "udp": udp(), "tcp6": tcp(AF_INET6), "udp6": udp(AF_INET6)}
    common = [(SOL_SOCKET, name) for name in (SO_TYPE, SO_DOMAIN, SO_PROTOCOL, SO_ERROR, SO_ACCEPTCONN, SO_REUSEADDR,
                                              SO_KEEPALIVE, SO_BROADCAST, SO_OOBINLINE, SO_RCVLOWAT, SO_PRIORITY, SO_REUSEPORT)]
    of_ip = [(IPPROTO_IP, name) for name in (IP_TOS, IP_TTL, IP_RECVOPTS, 11, 12, 13, IP_MULTICAST_TTL, IP_MULTICAST_LOOP)]
    of_ipv6 = [(IPPROTO_IPV6, name) for name in (IPV6_UNICAST_HOPS, IPV6_MULTICAST_HOPS, IPV6_MULTICAST_LOOP, 25, IPV6_RECVPKTINFO,
                                                 IPV6_RECVHOPLIMIT, IPV6_RECVTCLASS, IPV6_TCLASS)]
    of_tcp = [(IPPROTO_TCP, name) for name in (TCP_NODELAY, TCP_CORK, TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT, TCP_SYNCNT,
                                               TCP_LINGER2, TCP_DEFER_ACCEPT, TCP_WINDOW_CLAMP, TCP_USER_TIMEOUT)]
    for name, made in kinds.items():
        for level, option in common + of_ip + of_ipv6 + of_tcp:
            say(f"{name} option {int(level)} {int(option)}", answer(made.getsockopt, level, option))


def setting():
    made = tcp()
    for level, option, value in (
            (SOL_SOCKET, SO_RCVBUF, 0), (SOL_SOCKET, SO_SNDBUF, 1), (SOL_SOCKET, SO_SNDBUF, 50000), (SOL_SOCKET, SO_RCVBUF, 50000),
            (IPPROTO_IP, IP_TTL, 0), (IPPROTO_IP, IP_TTL, 256), (IPPROTO_IP, IP_TTL, 9), (IPPROTO_IP, IP_TTL, -1),
            (IPPROTO_IP, IP_TOS, 0x28), (IPPROTO_TCP, TCP_KEEPIDLE, 0), (IPPROTO_TCP, TCP_KEEPIDLE, 32768),
            (IPPROTO_TCP, TCP_KEEPCNT, 128), (IPPROTO_TCP, TCP_SYNCNT, 0), (IPPROTO_TCP, TCP_USER_TIMEOUT, -1),
            (IPPROTO_TCP, TCP_LINGER2, -1), (SOL_SOCKET, SO_RCVLOWAT, 0), (SOL_SOCKET, SO_PRIORITY, 6),
            (SOL_SOCKET, SO_KEEPALIVE, 5), (SOL_SOCKET, SO_ERROR, 0), (SOL_SOCKET, SO_TYPE, 1), (IPPROTO_IPV6, IPV6_V6ONLY, 1),
            (IPPROTO_TCP, 99, 1), (77, 1, 1), (SOL_SOCKET, 999, 1)):
        say(f"set {int(level)} {int(option)} to {value}", answer(made.setsockopt, level, option, value),
            answer(made.getsockopt, level, option))
    say("congestion control", answer(made.setsockopt, IPPROTO_TCP, TCP_CONGESTION, b"reno"),
        answer(made.getsockopt, IPPROTO_TCP, TCP_CONGESTION, 16), answer(made.getsockopt, IPPROTO_TCP, TCP_CONGESTION, 2),
        answer(made.setsockopt, IPPROTO_TCP, TCP_CONGESTION, b"nosuch"))
    say("device", answer(made.setsockopt, SOL_SOCKET, SO_BINDTODEVICE, b"lo\0"),
        answer(made.getsockopt, SOL_SOCKET, SO_BINDTODEVICE, 16), answer(made.setsockopt, SOL_SOCKET, SO_BINDTODEVICE, b"none\0"))
    for seconds, microseconds in ((1, 500000), (0, 0), (0, 1000000), (-1, 0)):
        say(f"timeout {seconds} {microseconds}",
            answer(made.setsockopt, SOL_SOCKET, SO_RCVTIMEO, struct.pack("=qq", seconds, microseconds)))


def lengths():
    """Values shorter than an option's."""
    made = tcp()
    made.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
    made.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 5))
    for level, option in ((SOL_SOCKET, SO_REUSEADDR), (SOL_SOCKET, SO_LINGER), (SOL_SOCKET, SO_RCVTIMEO), (SOL_SOCKET, SO_TYPE),
                          (IPPROTO_IP, IP_TTL), (IPPROTO_TCP, TCP_NODELAY)):
        for size in (0, 1, 3, 4, 7, 8, 20):
            value, length = ctypes.create_string_buffer(b"\xee" * 32, 32), ctypes.c_int(size)
            result = raw("getsockopt", made.fileno(), int(level), int(option), value, ctypes.byref(length))
            say(f"get {int(level)} {int(option)} with {size}", result, length.value, value.raw[:max(length.value, 0)].hex())


def groups():
    member = udp()
    group, loopback = inet_aton("239.1.2.3"), inet_aton(HERE)
    for name, option, value in (("join", IP_ADD_MEMBERSHIP, group + loopback), ("join again", IP_ADD_MEMBERSHIP, group + loopback),
                                ("leave", IP_DROP_MEMBERSHIP, group + loopback),
                                ("leave again", IP_DROP_MEMBERSHIP, group + loopback),
                                ("join no group", IP_ADD_MEMBERSHIP, inet_aton("1.2.3.4") + loopback),
                                ("join too short", IP_ADD_MEMBERSHIP, group),
                                ("join at others", IP_ADD_MEMBERSHIP, group + inet_aton("192.0.2.9")),
                                ("interface of others", IP_MULTICAST_IF, inet_aton("192.0.2.9")),
                                ("interface", IP_MULTICAST_IF, loopback), ("hops", IP_MULTICAST_TTL, 256),
                                ("default hops", IP_MULTICAST_TTL, -1), ("loop", IP_MULTICAST_LOOP, 2)):
        say(f"group {name}", answer(member.setsockopt, IPPROTO_IP, option, value))
    six, group = udp(AF_INET6), inet_pton(AF_INET6, "ff02::77")
    for name, option, value in (("join", IPV6_JOIN_GROUP, group + struct.pack("=I", 1)),
                                ("join again", IPV6_JOIN_GROUP, group + struct.pack("=I", 1)),
                                ("leave", IPV6_LEAVE_GROUP, group + struct.pack("=I", 1)),
                                ("leave again", IPV6_LEAVE_GROUP, group + struct.pack("=I", 1)),
                                ("join nowhere", IPV6_JOIN_GROUP, group + struct.pack("=I", 99)),
                                ("join no group", IPV6_JOIN_GROUP, inet_pton(AF_INET6, HERE6) + struct.pack("=I", 1))):
        say(f"group of IPv6 {name}", answer(six.setsockopt, IPPROTO_IPV6, option, value))


def requests():
    client, server = pair()
    counted = array.array("i", [0])
    server.send(b"abc")
    shown(client, "IN")
    say("FIONREAD", fcntl.ioctl(client, termios.FIONREAD, counted), counted[0])
    for name, made in (("tcp", tcp()), ("udp", udp())):
        say(f"{name} FIONREAD without anything", answer(fcntl.ioctl, made, termios.FIONREAD, counted), counted[0])
        say(f"{name} lseek", answer(os.lseek, made.fileno(), 0, 0))
        say(f"{name} kind", os.fstat(made.fileno()).st_mode >> 12)
        say(f"{name} ftruncate", answer(os.ftruncate, made.fileno(), 0))
    counted[0] = 1
    made = udp()
    say("FIONBIO", fcntl.ioctl(made, 0x5421, counted), bool(fcntl.fcntl(made, fcntl.F_GETFL) & os.O_NONBLOCK))


def main():
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    for part in (fresh, creation, binding, leaving, connecting, giving_up, mapped, of_datagrams, pieces, closing, of_streams, accepting, options, setting,
                 lengths, groups, requests):
        signal.alarm(4 * PATIENCE)
        part()


main()
