"""udp_many.py ADDRESS PORT: what many datagrams in a row, and large ones, need, against an echo server.

Prints "ok" and ends with status 0 if all is well.
"""

import errno
import select
import socket
import sys

MANY = 3000
UNDER_WAY = 50


def largest(one, v6):
    """The largest datagram there is, at first and again."""
    for size in (65507, 65507, 0, 65000):
        data = bytes(size)
        one.send(data)
        if one.recv(70000) != data:
            sys.exit(f"{size} bytes do not come back")
    try:
        one.send(bytes(65536 if v6 else 65508))
        sys.exit("one that is too large is sent")
    except OSError as error:
        if error.errno != errno.EMSGSIZE:
            raise


def many(one):
    """All come back, none twice."""
    sent = 0
    under_way = set()
    while sent < MANY or under_way:
        while sent < MANY and len(under_way) < UNDER_WAY:
            one.send(b"%d" % sent)
            under_way.add(sent)
            sent += 1
        under_way.remove(int(one.recv(100)))


def flood(one):
    """A program that sends faster than the link takes waits, and hears of nobody at the other end."""
    one.setblocking(False)
    for _ in range(MANY):
        try:
            one.send(bytes(1400))
        except BlockingIOError:
            select.select([], [one], [])


def refused(family, address):
    """Of an error learns the next call, whichever it is."""
    with socket.socket(family, socket.SOCK_DGRAM) as nobody:
        nobody.connect((address, 9))
        for _ in range(3):  # few enough for those who limit how many errors they tell
            try:
                nobody.send(b"?")
                nobody.recv(100)
                sys.exit("there is an answer")
            except ConnectionRefusedError:
                pass
            if nobody.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) not in (0, errno.ECONNREFUSED):
                sys.exit("another error")


def main(address, port):
    v6 = ":" in address
    family = socket.AF_INET6 if v6 else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        one.connect((address, int(port)))
        largest(one, v6)
        many(one)
        flood(one)
    refused(family, address)
    print("ok")


main(*sys.argv[1:])
