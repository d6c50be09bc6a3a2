"""udp_multiplexed.py server|client select|poll|epoll|epoll-edge|asyncio ADDRESS PORT COUNT

The server echoes on two sockets, PORT and PORT + 1, until each has been told to stop. The client keeps several datagrams on
their way to both, and checks that each comes back once and as it was.
"""

import asyncio
import select
import socket
import sys

WINDOW = 8
PATIENCE = 60


def open_socket(family, address=None):
    opened = socket.socket(family, socket.SOCK_DGRAM)
    opened.setblocking(False)
    if address:
        opened.bind(address)
    return opened


class Waiter:
    """Which of some sockets can be read, by one of the kernel's ways of asking."""

    def __init__(self, kind, sockets):
        self.kind = kind
        self.sockets = {one.fileno(): one for one in sockets}
        if kind == "poll":
            self.poller = select.poll()
        elif kind != "select":
            self.poller = select.epoll()
        for descriptor in self.sockets:
            if kind == "poll":
                self.poller.register(descriptor, select.POLLIN)
            elif kind == "epoll":
                self.poller.register(descriptor, select.EPOLLIN)
            elif kind == "epoll-edge":
                self.poller.register(descriptor, select.EPOLLIN | select.EPOLLET)

    def wait(self):
        if self.kind == "select":
            ready = select.select(list(self.sockets), [], [], PATIENCE)[0]
        else:
            ready = [descriptor for descriptor, _ in self.poller.poll(PATIENCE * (1000 if self.kind == "poll" else 1))]
        if not ready:
            sys.exit(f"nothing to read for {PATIENCE} s")
        return [self.sockets[descriptor] for descriptor in ready]


def drain(one):
    while True:
        try:
            yield one.recvfrom(65536)
        except BlockingIOError:
            return


def serve(kind, family, address, port):
    sockets = [open_socket(family, (address, port)), open_socket(family, (address, port + 1))]
    waiter = Waiter(kind, sockets)
    print("ready", flush=True)
    stopped = set()
    while len(stopped) < len(sockets):
        for one in waiter.wait():
            for data, sender in drain(one):
                if data == b"stop":
                    stopped.add(one)
                one.sendto(data, sender)


def payload(number):
    return b"%06d:" % number + bytes((number * 7 + i) & 0xff for i in range(number % 1200))


def ask(kind, family, address, port, count):
    sockets = [open_socket(family), open_socket(family)]
    waiter = Waiter(kind, sockets)
    targets = {sockets[0]: (address, port), sockets[1]: (address, port + 1)}
    pending, done, number = {}, 0, 0
    while done < count:
        while number < count and len(pending) < WINDOW:
            one = sockets[number % 2]
            one.sendto(payload(number), targets[one])
            pending[number] = one
            number += 1
        for one in waiter.wait():
            for data, sender in drain(one):
                got = int(data[:6])
                if data != payload(got) or pending.pop(got, None) is not one or sender[:2] != targets[one]:
                    sys.exit(f"datagram {got} came back wrong, twice or at the wrong socket")
                done += 1
    for one in sockets:
        one.sendto(b"stop", targets[one])
    left = set(sockets)
    while left:
        for one in waiter.wait():
            left -= {one for data, _ in drain(one) if data == b"stop"}
    print(f"{done} datagrams came back", flush=True)


class Echo(asyncio.DatagramProtocol):
    def __init__(self):
        self.stopped = asyncio.get_running_loop().create_future()

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, addr):
        self.transport.sendto(data, addr)
        if data == b"stop":
            self.stopped.set_result(None)


async def serve_asyncio(address, port):
    loop = asyncio.get_running_loop()
    protocols = [(await loop.create_datagram_endpoint(Echo, (address, one)))[1] for one in (port, port + 1)]
    print("ready", flush=True)
    for protocol in protocols:
        await protocol.stopped


def main(role, kind, address, port, count):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    if role == "client":
        ask(kind, family, address, int(port), int(count))
    elif kind == "asyncio":
        asyncio.run(serve_asyncio(address, int(port)))
    else:
        serve(kind, family, address, int(port))


main(*sys.argv[1:])
