#!/bin/sh
# Compiles generated C with every warning an error: gcc and clang (each if it is there), in C11, and its header in C++17.
# usage: compile.sh SOURCE HEADER INCLUDE_DIRECTORY...
set -eu
source=$1
header=$2
shift 2
includes=
for directory in "$@"; do includes="$includes -I$directory"; done
warnings="-Wall -Wextra -Wconversion -Wpedantic -Wshadow -Wcast-align -Wstrict-aliasing -Werror"
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
printf '#include <%s>\nint main() { return 0; }\n' "$header" > "$out/user.cc"
cp "$out/user.cc" "$out/user.c"
sed -i 's/main()/main(void)/' "$out/user.c"
for compiler in gcc clang; do
  command -v $compiler > /dev/null || continue
  # shellcheck disable=SC2086 # lists of options
  $compiler -std=c11 -O2 $warnings $includes -c "$source" -o "$out/generated.o"
  $compiler -std=c11 -O1 $warnings $includes -c "$out/user.c" -o "$out/user.o"
  $compiler -x c++ -std=c++17 -O1 $warnings $includes -c "$out/user.cc" -o "$out/user.o"
done
