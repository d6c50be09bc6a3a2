#!/bin/sh
# Compares the C that is written for everything.fidl with the C kept in fidl/.
# usage: golden.sh FIDLC FIDLGEN_C ZX_FIDL, in this folder. JX_BLESS=1 replaces the kept files instead.
set -eu
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
"$1" --experimental allow_new_types --experimental zx_c_types --experimental allow_arbitrary_error_types --plugin "$2:$out" --files "$3" --files everything.fidl
if [ "${JX_BLESS:-}" = 1 ]; then
  cp "$out"/fidl/* fidl/
  exit 0
fi
diff -ru fidl "$out/fidl"
