"""Runs the benchmarks of a build and prints each case beside its reference.

A benchmark is a program registered with meson's benchmark(). It prints one JSON object a line on standard output:
  {"case": "round trip, 64 bytes", "subject": "jacinth", "value": 21.5, "unit": "us",
   "reference": "kernel socket over veth", "reference_value": 12.0}
or {"skip": "why it can't run here"}. `reference` and `reference_value` are null for a row that has none. tests/bench/bench.h
writes these lines for programs in C. A benchmark fails only if it can't measure; the numbers decide nothing.

Rows chosen on the command line are printed alone. JACINTH_BENCH_ROWS passes them on, one a line, to the programs that can
leave out the work for others (bench_wanted in bench.h).
"""

import argparse
import json
import os
import subprocess
import sys

COLUMNS = ("case", "subject", "value", "unit", "reference", "reference_value", "ratio")


def load_benchmarks(build):
    listing = subprocess.run(["meson", "introspect", "--benchmarks", build], stdout=subprocess.PIPE, check=True)
    return json.loads(listing.stdout)


def run_benchmark(benchmark, build, wanted):
    """Returns (rows, reasons for skipping, whether it failed). Paths in its command may be relative to the build."""
    environment = dict(os.environ, **benchmark.get("env", {}), JACINTH_BENCH_ROWS="\n".join(wanted))
    limit = benchmark.get("timeout") or 300
    try:
        done = subprocess.run(benchmark["cmd"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=environment,
                              cwd=benchmark.get("workdir") or build, timeout=limit)
    except (subprocess.TimeoutExpired, OSError) as error:
        print(f"{benchmark['name']}: {error}", file=sys.stderr)
        return [], [], True
    rows, skips = [], []
    for line in done.stdout.decode(errors="replace").splitlines():
        try:
            row = json.loads(line)
        except ValueError:
            print(line, file=sys.stderr)
            continue
        if "skip" in row:
            skips.append(row["skip"])
            continue
        if wanted and not row["case"].startswith(tuple(wanted)):
            continue
        reference = row.get("reference_value")
        row["ratio"] = row["value"] / reference if reference else None
        rows.append({column: row.get(column) for column in COLUMNS})
    return rows, skips, done.returncode != 0


def number(value):
    if value is None:
        return "-"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def print_table(name, rows, skips):
    print(name)
    for reason in skips:
        print(f"  skipped: {reason}")
    table = [("case", "subject", "value", "unit", "reference", "value", "ratio")]
    for row in rows:
        table.append((row["case"], row["subject"], number(row["value"]), row["unit"], row["reference"] or "-",
                      number(row["reference_value"]), "-" if row["ratio"] is None else f"{row['ratio']:.2f}"))
    widths = [max(len(line[column]) for line in table) for column in range(len(COLUMNS))]
    right = (False, False, True, False, False, True, True)
    for line in table if rows else []:
        cells = (cell.rjust(width) if aligned else cell.ljust(width)
                 for cell, width, aligned in zip(line, widths, right))
        print("  " + "  ".join(cells).rstrip())
    print(flush=True)


def main():
    parser = argparse.ArgumentParser(prog="./jacinth bench")
    parser.add_argument("--build", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--format", choices=("table", "json"), default="table")
    parser.add_argument("name", nargs="?", help="only benchmarks in whose names this occurs")
    parser.add_argument("rows", nargs="*", help="only rows whose names begin so")
    options = parser.parse_args()
    benchmarks = [b for b in load_benchmarks(options.build) if not options.name or options.name in b["name"]]
    if not benchmarks:
        print(f"no benchmark matches {options.name or 'anything'}", file=sys.stderr)
        return 2
    failed = False
    for benchmark in benchmarks:
        rows, skips, broken = run_benchmark(benchmark, options.build, options.rows)
        failed |= broken
        if options.format == "json":
            print(json.dumps({"bench": benchmark["name"], "rows": rows}), flush=True)
            for reason in skips:
                print(f"{benchmark['name']}: skipped: {reason}", file=sys.stderr)
        else:
            print_table(benchmark["name"], rows, skips)
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
