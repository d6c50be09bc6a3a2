"""A stream that comes back. Arguments: serve ADDRESS PORT, or ask ADDRESS PORT BYTES.

The one that asks says "under way" after the first part has come back, and succeeds if all of it has, unchanged.
"""

import random
import socket
import sys
import threading

PIECE = 1 << 16
PATIENCE = 60


def family_of(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def pieces(size):
    """The content, the same each time."""
    source = random.Random(size)
    block = source.randbytes(PIECE)
    for begin in range(0, size, PIECE):
        yield (begin.to_bytes(8, "little") + block)[:min(PIECE, size - begin)]


def serve(address, port):
    with socket.socket(family_of(address), socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
        listener.listen()
        print("ready", flush=True)
        while True:
            peer, _ = listener.accept()
            with peer:
                while data := peer.recv(PIECE):
                    peer.sendall(data)


def receive_exactly(stream, size):
    parts = []
    while size > 0 and (data := stream.recv(size)):
        parts.append(data)
        size -= len(data)
    return b"".join(parts)


def ask(address, port, size):
    with socket.socket(family_of(address), socket.SOCK_STREAM) as stream:
        stream.settimeout(PATIENCE)
        stream.connect((address, port))

        def send_all():
            for piece in pieces(size):
                stream.sendall(piece)
            stream.shutdown(socket.SHUT_WR)

        sender = threading.Thread(target=send_all, daemon=True)
        sender.start()
        for number, piece in enumerate(pieces(size)):
            if receive_exactly(stream, len(piece)) != piece:
                sys.exit(f"what came back differs or ends within {PIECE} bytes from {number * PIECE}")
            if number == 0:
                print("under way", flush=True)
        sender.join()
        if stream.recv(1):
            sys.exit("more came back than was sent")


if sys.argv[1] == "serve":
    serve(sys.argv[2], int(sys.argv[3]))
else:
    ask(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
