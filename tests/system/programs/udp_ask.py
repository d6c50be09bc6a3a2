"""Sends datagrams with sendto and waits for the answer to each with a blocking recvfrom. Arguments: ADDRESS PORT COUNT."""

import socket
import sys

address, port, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
    for number in range(count):
        question = b"question %d" % number
        client.sendto(question, (address, port))
        answer, _ = client.recvfrom(2048)
        assert answer == question, answer
