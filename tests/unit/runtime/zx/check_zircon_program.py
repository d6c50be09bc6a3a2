#!/usr/bin/env python3
"""Fails if a call that the public headers declare is missing from zircon_program.c.

Usage: check_zircon_program.py PROGRAM HEADER...
"""
import re
import sys

CALL = re.compile(r"\b(zx_[a-z0-9_]+)\(")


def code(path):
    with open(path, encoding="utf-8") as source:
        return re.sub(r"//[^\n]*", "", source.read())


def main():
    declared = set()
    for header in sys.argv[2:]:
        declared |= {name for name in CALL.findall(code(header)) if not name.endswith("_")}
    missing = sorted(declared - set(CALL.findall(code(sys.argv[1]))))
    for name in missing:
        print(f"{name} is declared, and zircon_program.c does not use it")
    if len(declared) < 50:
        sys.exit(f"found only {len(declared)} calls")
    sys.exit(1 if missing else 0)


main()
