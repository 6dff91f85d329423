#!/bin/sh
# Every test. The last lines are the test runner's own or, where something failed, what it was: the end of a long record is
# the part of it that is read first.
set -eu
cd "$(dirname "$0")/.."
kept=target/said
mkdir -p "$kept"

# keep NAME COMMAND...: shows what a command says and keeps it. The status goes by a file: a pipe has that of its last command.
keep() {
    name=$1
    shift
    { "$@" 2>&1 && echo 0 >"$kept/$name.status" || echo $? >"$kept/$name.status"; } | tee "$kept/$name"
    [ "$(cat "$kept/$name.status")" = 0 ]
}

failed=""
# A short look of libFuzzer at every reader, the same each time; `sh tests/fuzz/guided/run.sh 600` looks longer, and elsewhere.
keep fuzzing sh tests/fuzz/guided/run.sh --same 50000 || failed=fuzzing
keep tests cargo test --workspace --locked --no-fail-fast || failed="$failed tests"
[ -n "$failed" ] || exit 0

echo "what failed: $failed"
case $failed in *fuzzing*) tail -30 "$kept/fuzzing" ;; esac
case $failed in *tests*)
    sed -n '/^---- .* ----$/,/^failures:$/p' "$kept/tests" | tail -120
    grep -E '^test .* FAILED$|^error(\[E[0-9]+\])?: ' "$kept/tests" || true
    ;;
esac
exit 1
