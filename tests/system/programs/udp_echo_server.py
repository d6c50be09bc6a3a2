"""Sends every datagram back to where it came from. Arguments: ADDRESS PORT [DEVICE], the device to bind to. Says "ready" once it is bound."""

import socket
import sys

address, port = sys.argv[1], int(sys.argv[2])
family = socket.AF_INET6 if ":" in address else socket.AF_INET
with socket.socket(family, socket.SOCK_DGRAM) as server:
    if len(sys.argv) > 3:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, sys.argv[3].encode())
    server.bind((address, port))
    print("ready", flush=True)
    while True:
        payload, peer = server.recvfrom(65535)
        server.sendto(payload, peer)
