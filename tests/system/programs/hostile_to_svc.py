"""Does to its /svc what it should not: writes nonsense, and sends more than anybody reads. Says how far it got."""

import os
import socket
import sys

if "LD_PRELOAD" in os.environ:  # once more, without fdio in the way
    environment = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
    os.execve(sys.executable, [sys.executable, *sys.argv], environment)

svc = socket.socket(fileno=int(os.environ["JACINTH_SVC"]))
HEADER = b"J\0\0\0" + (16).to_bytes(4, "little")
sent = 0
try:
    if sys.argv[1] == "garbage":
        svc.send(os.urandom(300))
    elif sys.argv[1] == "nonsense":
        svc.send(HEADER + bytes(16))
    elif sys.argv[1] == "descriptors":
        while sent < 2000:
            socket.send_fds(svc, [os.urandom(64)], [0] * 64)
            sent += 1
    elif sys.argv[1] == "flood":
        while sent < 20000:
            svc.send(HEADER + os.urandom(16))
            sent += 1
except OSError as error:
    print(f"stopped after {sent}: {error}")
svc.settimeout(60)
try:
    while svc.recv(100):
        pass
    print("closed")
except TimeoutError:
    sys.exit("nobody closed it")
except OSError as error:
    print(f"closed: {error}")
