"""Sends numbered datagrams to an echo server and checks that each comes back once and unchanged.

Arguments: ADDRESS PORT SIZE COUNT. At most WINDOW datagrams are under way at a time, so that the rate is what the path
carries; whatever does not come back within PATIENCE seconds is lost. Prints one line of JSON and succeeds if nothing was
lost, doubled or damaged.
"""

import json
import random
import select
import socket
import sys

WINDOW = 8
PATIENCE = 60


def payload_of(number, size):
    """Content that names its number: the number itself, then bytes that follow from it."""
    return (number.to_bytes(4, "little") + random.Random(number).randbytes(size))[:size]


def main():
    address, port, size, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    # A payload too short for the number still tells those apart that are under way together.
    wanted = [payload_of(number, size) for number in range(count)]
    under_way, sent, wrong = [], 0, 0
    with socket.socket(family, socket.SOCK_DGRAM) as client:
        client.connect((address, port))
        while sent < count or under_way:
            while sent < count and len(under_way) < WINDOW:
                client.send(wanted[sent])
                under_way.append(wanted[sent])
                sent += 1
            readable, _, _ = select.select([client], [], [], PATIENCE)
            if not readable:
                break
            payload = client.recv(65535)
            if payload in under_way:
                under_way.remove(payload)
            else:
                wrong += 1
    print(json.dumps({"size": size, "sent": sent, "lost": len(under_way) + count - sent, "wrong": wrong}), flush=True)
    sys.exit(1 if under_way or wrong else 0)


main()
