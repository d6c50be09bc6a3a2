"""Makes a UDP socket; once a file appears, tries again until that works, and says so."""

import os
import socket
import sys
import time


def try_socket():
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as tried:
            tried.bind(("0.0.0.0", 0))
        return "works"
    except OSError as error:
        return f"fails: {error}"


print("ready", try_socket(), flush=True)
while not os.path.exists(sys.argv[1]):
    time.sleep(0.01)
for _ in range(400):
    if (outcome := try_socket()) == "works":
        print("again", outcome, flush=True)
        sys.exit(0)
    time.sleep(0.05)
sys.exit(f"it never worked again: {outcome}")
