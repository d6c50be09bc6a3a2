#!/bin/sh
# Nothing on the way of a synchronous call, of encoding and of decoding refers to an allocating function: only binding,
# client, and what copies values into memory of their own do.
# usage: test_allocation.sh LIBFIDL GENERATED_OBJECT...
set -eu
refers=$(nm -A -u "$@" | grep -E ' (malloc|calloc|realloc|reallocarray|aligned_alloc|posix_memalign|strdup)$' |
  grep -vE '[:/](binding|client|message)\.c\.o:' || true)
if [ -n "$refers" ]; then
  echo "not ok - nothing allocates: $refers"
  exit 1
fi
# The check can fail: the allowed ones are seen.
nm -A -u "$1" | grep -q 'binding\.c\.o: .* calloc$'
echo "ok - nothing allocates"
