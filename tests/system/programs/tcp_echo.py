"""A stream that comes back. Arguments: serve ADDRESS PORT, or ask ADDRESS PORT [BYTES].

The server says "ready" and returns what it gets, to one peer after the other, until a line comes on its standard input: then
it ends the stream it is in. The one that asks sends so many bytes, or without a limit; it says "under way" after the first part
has come back, and succeeds if what has come back when the server ends the stream is what it sent: all of it if there is a
limit.
"""

import random
import socket
import sys
import threading

PIECE = 1 << 16
PATIENCE = 60
UNLIMITED = 1 << 62


def family_of(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def pieces(size):
    """The content, the same each time."""
    block = random.Random(PIECE).randbytes(PIECE)
    for begin in range(0, size, PIECE):
        yield (begin.to_bytes(8, "little") + block)[:min(PIECE, size - begin)]


def serve(address, port):
    over = threading.Event()

    def wait_for_line():
        if sys.stdin.readline():
            over.set()

    threading.Thread(target=wait_for_line, daemon=True).start()
    with socket.socket(family_of(address), socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
        listener.listen()
        print("ready", flush=True)
        while True:
            peer, _ = listener.accept()
            with peer:
                return_bytes(peer, over)


def return_bytes(peer, over):
    while data := peer.recv(PIECE):
        if over.is_set():
            break
        peer.sendall(data)
    peer.shutdown(socket.SHUT_WR)
    while peer.recv(PIECE):
        pass


def receive(stream, size):
    """So many bytes, or fewer at the end."""
    parts = []
    while size > 0 and (data := stream.recv(size)):
        parts.append(data)
        size -= len(data)
    return b"".join(parts)


def ask(address, port, size):
    over = threading.Event()
    with socket.socket(family_of(address), socket.SOCK_STREAM) as stream:
        stream.settimeout(PATIENCE)
        stream.connect((address, port))

        def send_all():
            for piece in pieces(size):
                if over.is_set():
                    break
                stream.sendall(piece)
            stream.shutdown(socket.SHUT_WR)

        sender = threading.Thread(target=send_all, daemon=True)
        sender.start()
        came = 0
        for piece in pieces(size):
            back = receive(stream, len(piece))
            if back != piece[:len(back)]:
                sys.exit(f"what came back differs within {PIECE} bytes from {came}")
            if came == 0:
                print("under way", flush=True)
            came += len(back)
            if len(back) < len(piece):
                break
        over.set()
        sender.join()
        if came < size < UNLIMITED or stream.recv(1):
            sys.exit(f"{came} bytes came back")


if sys.argv[1] == "serve":
    serve(sys.argv[2], int(sys.argv[3]))
else:
    ask(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]) if len(sys.argv) > 4 else UNLIMITED)
