#!/bin/sh
# Distinct names of FIDL that would be one name of C are errors which name both; so are addresses that are sent. And what is
# included.
# usage: test_collisions.sh FIDLC FIDLGEN_C
set -u
fidlc=$1
fidlgen=$2
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
failed=0

expect() {  # NAME PATTERN, of the files a.fidl and, if it is there, b.fidl, which uses it
  set -- "$1" "$2" --files "$dir/a.fidl"
  name=$1 pattern=$2
  shift 2
  [ ! -e "$dir/b.fidl" ] || set -- "$@" --files "$dir/b.fidl"
  "$fidlc" --experimental zx_c_types --plugin "$fidlgen:$dir/out" "$@" > "$dir/stdout" 2> "$dir/stderr"
  status=$?
  if [ "$status" -ne 1 ] || ! grep -q "$pattern" "$dir/stderr" || [ -e "$dir/out/fidl" ]; then
    echo "not ok - $name (status $status)"
    cat "$dir/stderr"
    failed=1
  else
    echo "ok - $name"
  fi
  rm -rf "$dir/a.fidl" "$dir/b.fidl" "$dir/out"
}

printf 'library a;
type S = struct { t box<T>; };
type T = struct { s box<S>; p experimental_pointer<byte>; };
protocol P {
  strict M(S) -> ();
};
@transport("Syscall")
protocol Q { strict M(S) -> (); };
' > "$dir/a.fidl"
expect an_address_in_a_message 'a/P.M (.*a.fidl:5:10) sends an experimental_pointer'

printf 'library a;\ntype T = table {\n  1: x bool;\n  2: has_x bool;\n};\n' > "$dir/a.fidl"
expect a_member_and_an_accessor \
  'in C, a/T.has_x (.*a.fidl:4:6) and a/T.x (.*a.fidl:3:6) would both be named a_T_has_x: rename one of them'

printf 'library a;\ntype E = enum {\n  B = 1;\n};\nconst E_B uint8 = 1;\n' > "$dir/a.fidl"
expect a_member_and_a_constant 'in C, a/E.B (.*a.fidl:3:3) and a/E_B (.*a.fidl:5:7) would both be named a_E_B:'

printf 'library a;\nprotocol P {\n  bind();\n};\n' > "$dir/a.fidl"
expect a_method_and_a_function_of_its_protocol \
  'in C, a/P (.*a.fidl:2:10) and a/P.bind (.*a.fidl:3:3) would both be named a_P_bind:'

printf 'library a.b;\ntype X = struct { v uint8; };\n' > "$dir/a.fidl"
printf 'library a;\nusing a.b;\ntype b_X = struct { x a.b.X; };\n' > "$dir/b.fidl"
expect declarations_of_two_libraries \
  'in C, a.b/X (.*a.fidl:2:6) and a/b_X (.*b.fidl:3:6) would both be named a_b_X:'

printf 'library a;\ntype S = struct { v vector<vector<E>>; w vector<vector_a_E>; };\n' > "$dir/a.fidl"
printf 'type E = struct { v uint8; };\ntype vector_a_E = struct { v uint8; };\n' >> "$dir/a.fidl"
"$fidlc" --plugin "$fidlgen:$dir/out" --files "$dir/a.fidl" > "$dir/stdout" 2> "$dir/stderr"
status=$?
if [ "$status" -eq 0 ]; then
  echo 'ok - names that only look alike are none'
else
  echo "not ok - names that only look alike are none (status $status)"
  cat "$dir/stderr"
  failed=1
fi

# A library that has nothing at the selected version need not have a header.
printf '@available(added=1)\nlibrary p.a;\n@available(added=2)\ntype X = struct { v uint8; };\n' > "$dir/a.fidl"
printf '@available(added=1)\nlibrary p.b;\nusing p.a;\ntype S = table {\n  @available(added=2)\n  1: x p.a.X;\n};\n' > "$dir/b.fidl"
for version in 1 2; do
  "$fidlc" --available "p:$version" --plugin "$fidlgen:$dir/out" --files "$dir/a.fidl" --files "$dir/b.fidl" || failed=1
  included=$(grep -c '#include <fidl/p.a.h>' "$dir/out/fidl/p.b.h")
  if [ "$included" -eq $((version - 1)) ]; then
    echo "ok - headers that version $version needs"
  else
    echo "not ok - headers that version $version needs"
    failed=1
  fi
done
exit $failed
