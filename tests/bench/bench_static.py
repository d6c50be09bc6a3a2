"""A program whose calls on sockets are made for it, beside the same program with fdio: both ends over loopback.

both_ends.c is linked statically, where its calls go by runtime/intercept, and dynamically. The two take turns; the rows
are medians of the rounds.
"""

import json
import statistics
import sys

from systest import PATIENCE, jacinth, run

ROUNDS = 5
STATIC, DYNAMIC = sys.argv[1:]

# The case, the order to both_ends, how often, how much of it is one of the unit, and the unit.
CASES = (
    ("datagrams sent and received", "datagrams", 2000, 1, "1/s"),
    ("connections made, accepted and closed", "connections", 300, 1, "1/s"),
    ("a stream's bytes", "bytes", 500, 1e9, "GB/s"),
    ("getsockname of a datagram socket", "datagram-names", 1000, 1, "us"),
    ("getsockname of a stream", "stream-names", 500, 1, "us"),
)


def measure(program, order, count):
    return float(run(jacinth(), "exec", "--", program, order, str(count), timeout=PATIENCE).stdout)


for case, order, count, unit, name in CASES:
    values = {STATIC: [], DYNAMIC: []}
    for _ in range(ROUNDS):
        for program, measured in values.items():
            measured.append(measure(program, order, count) / unit)
    print(json.dumps({"case": case, "subject": "static", "value": statistics.median(values[STATIC]), "unit": name,
                      "reference": "with fdio", "reference_value": statistics.median(values[DYNAMIC])}), flush=True)
