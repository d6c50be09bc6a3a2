"""Makes a UDP socket each time a file appears, and says whether that worked; ends after the second."""

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
for _ in range(400):
    if (outcome := try_socket()) == "works" and os.path.exists(sys.argv[1]):
        print("again", outcome, flush=True)
        sys.exit(0)
    time.sleep(0.05)
sys.exit("it never worked again")
