"""udp_path_mtu.py ADDRESS PORT: how datagrams are fitted to a path of 1500 bytes, as ip(7) and ipv6(7) have it.

Holds on any POSIX system with Linux's options; prints "ok" and ends with status 0 if it does here. Whoever is at that port
may answer or not.
"""

import errno
import socket
import sys

IP_MTU_DISCOVER, IP_MTU = 10, 14
IPV6_MTU_DISCOVER, IPV6_MTU = 23, 24
DONT, WANT, DO, PROBE = range(4)
MTU = 1500


def number_of(error):
    """The errno with which a call fails; 0 if it doesn't."""
    try:
        error()
    except OSError as failure:
        return failure.errno
    return 0


def main(address, port):
    v6 = ":" in address
    level, discover, mtu = ((socket.IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_MTU) if v6 else
                            (socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_MTU))
    most = MTU - (48 if v6 else 28)
    with socket.socket(socket.AF_INET6 if v6 else socket.AF_INET, socket.SOCK_DGRAM) as one:
        assert one.getsockopt(level, discover) == WANT
        assert number_of(lambda: one.getsockopt(level, mtu)) == errno.ENOTCONN
        one.connect((address, port))
        assert one.getsockopt(level, mtu) == MTU
        for mode, larger in ((DONT, 0), (WANT, 0), (DO, errno.EMSGSIZE), (PROBE, errno.EMSGSIZE)):
            one.setsockopt(level, discover, mode)
            assert one.getsockopt(level, discover) == mode
            assert one.send(bytes(most)) == most
            failure = number_of(lambda: one.send(bytes(most + 1)))
            assert failure == larger, f"mode {mode}: {errno.errorcode.get(failure, failure)}"
        assert number_of(lambda: one.setsockopt(level, discover, 6)) == errno.EINVAL
    print("ok")


main(sys.argv[1], int(sys.argv[2]))
