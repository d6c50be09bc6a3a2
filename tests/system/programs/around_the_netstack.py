"""Starts a process of its own without fdio and has it try to reach the host, the network stack apart; prints what became of
each try."""

import os
import subprocess
import sys

TRIES = """
import errno, socket
for family, kind, address in ((socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", PORT)),
                              (socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", PORT)),
                              (socket.AF_INET6, socket.SOCK_DGRAM, ("::1", PORT)),
                              (socket.AF_PACKET, socket.SOCK_RAW, None),
                              (socket.AF_VSOCK, socket.SOCK_STREAM, (2, PORT))):
    try:
        with socket.socket(family, kind) as tried:
            if address:
                tried.connect(address)
                tried.send(b"x")
        print(family.name, kind.name, address, "REACHED")
    except OSError as error:
        print(family.name, kind.name, address, errno.errorcode[error.errno])
print([name for _, name in socket.if_nameindex()])
"""

environment = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
subprocess.run([sys.executable, "-c", TRIES.replace("PORT", sys.argv[1])], env=environment, check=True)
