"""udp_handed_on.py ADDRESS PORT: datagram sockets in programs that did not make them, against an echo server.

A socket is inherited by a program that is executed, and passed to another over a Unix socket; each uses it as its own while
the one it has it from does, and after. Prints "ok" and ends with status 0 if all is well.
"""

import os
import socket
import subprocess
import sys

EACH = 20


def talk(one, name, target=None):
    """Datagrams and their answers, as many as it takes for most of them to need no request."""
    for number in range(EACH):
        data = f"{name}-{number}".encode()
        one.sendto(data, target) if target else one.send(data)
        got, peer = one.recvfrom(100)
        if got != data:
            sys.exit(f"{name} got {got!r} from {peer} for {data!r}")


def answers_to_connected():
    """The part of the program that inherits the socket as descriptor 0, connected."""
    one = socket.socket(fileno=os.dup(0))
    if one.family not in (socket.AF_INET, socket.AF_INET6) or one.type != socket.SOCK_DGRAM:
        sys.exit(f"inherited {one}")
    talk(one, "inherited")
    os.write(1, b"%d" % one.getsockname()[1])


def answers_to_passed():
    """The part that is passed one over its standard input."""
    channel = socket.socket(fileno=0)
    _, fds, _, _ = socket.recv_fds(channel, 1, 1)
    one = socket.socket(fileno=fds[0])
    channel.recv(1)  # from now on it is ours alone
    talk(one, "passed")
    channel.send(b"%d" % one.getsockname()[1])


def run(what, **options):
    return subprocess.Popen([sys.executable, __file__, what], **options)


def main(address, port):
    target = (address, int(port))
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as one:
        one.connect(target)
        name = one.getsockname()[1]
        talk(one, "before")
        with run("inherited", stdin=one.fileno(), stdout=subprocess.PIPE) as heir:
            if int(heir.communicate()[0]) != name or heir.returncode != 0:
                sys.exit("the heir has another socket")
        talk(one, "after")
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    with ours, run("passed", stdin=theirs.fileno()) as stranger:
        theirs.close()
        one = socket.socket(family, socket.SOCK_DGRAM)
        one.connect(target)
        name = one.getsockname()[1]
        socket.send_fds(ours, [b"x"], [one.fileno()])
        one.close()
        ours.send(b"x")
        if ours.recv(100) != b"%d" % name or stranger.wait() != 0:
            sys.exit("the stranger has another socket")
    # With its last holder the socket is gone, and its port free.
    with socket.socket(family, socket.SOCK_DGRAM) as again:
        again.bind(("::" if family == socket.AF_INET6 else "0.0.0.0", name))
    print("ok")


if __name__ == "__main__":
    parts = {"inherited": answers_to_connected, "passed": answers_to_passed}
    parts[sys.argv[1]]() if sys.argv[1] in parts else main(*sys.argv[1:])
