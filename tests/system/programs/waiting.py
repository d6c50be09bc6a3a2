"""Says "ready" and waits to be ended; with "stubborn" it does not mind being asked to, with "socket" it holds a socket."""

import signal
import socket
import sys

held = None
if "stubborn" in sys.argv:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if "socket" in sys.argv:
    held = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    held.bind(("0.0.0.0", 0))
print("ready", flush=True)
while True:
    signal.pause()
