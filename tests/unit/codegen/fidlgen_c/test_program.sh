#!/bin/sh
# The program around the back end: what it says to input that is none, and to wrong usage.
# usage: test_program.sh FIDLGEN_C
set -u
fidlgen=$1
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
failed=0

expect() {  # NAME STATUS PATTERN, of the command that ran before with its streams in $out
  if [ "$status" -ne "$2" ] || ! grep -q "$3" "$out/stderr" "$out/stdout"; then
    echo "not ok - $1 (status $status)"
    cat "$out/stderr"
    failed=1
  else
    echo "ok - $1"
  fi
}

printf 'this is no request' | "$fidlgen" > "$out/stdout" 2> "$out/stderr"
status=$?
expect input_that_is_no_request_is_refused 1 'holds no GenerateRequest'

"$fidlgen" > "$out/stdout" 2> "$out/stderr" < /dev/null
status=$?
expect empty_input_is_refused 1 'holds no GenerateRequest'

"$fidlgen" --nonsense > "$out/stdout" 2> "$out/stderr" < /dev/null
status=$?
expect unknown_options_show_the_usage 2 'usage: fidlgen_c'

"$fidlgen" --help > "$out/stdout" 2> "$out/stderr"
status=$?
expect help_goes_to_standard_output 0 'usage: fidlgen_c'

# A request of a schema to come: library {version: 2, name: "a"}.
printf '\n\005\010\002\022\001a' | "$fidlgen" > "$out/stdout" 2> "$out/stderr"
status=$?
expect another_version_of_the_schema_is_an_error_in_the_answer 0 'of version 2, expected 1'
exit $failed
