"""Does one thing with a connection and says how it went, by the name of the error or "ok".

    tcp_peer.py ADDRESS PORT connect      connects; gives up after sending the SYN twice more
    tcp_peer.py ADDRESS PORT wait         connects, says "connected", reads until the end
    tcp_peer.py ADDRESS PORT impatient    the same with TCP_USER_TIMEOUT of a second and something to send
"""

import errno
import socket
import sys

address, port, what = sys.argv[1], int(sys.argv[2]), sys.argv[3]


def act(peer):
    if what == "connect":
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_SYNCNT, 2)
    peer.connect((address, port))
    if what == "connect":
        return
    if what == "impatient":
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 1000)
    print("connected", flush=True)
    if what == "impatient":
        sys.stdin.readline()
        peer.sendall(b"anybody there?")
    while peer.recv(65536):
        pass


with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM) as made:
    try:
        act(made)
        print("ok", flush=True)
    except OSError as error:
        print(errno.errorcode.get(error.errno, error), flush=True)
    if what == "wait":
        try:
            with socket.socket(made.family, socket.SOCK_STREAM) as again:
                again.connect((address, port))
            print("again ok", flush=True)
        except OSError as error:
            print("again", errno.errorcode.get(error.errno, error), flush=True)
