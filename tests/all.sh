#!/bin/sh
# Every test. The last lines are the test runner's own.
set -eu
cd "$(dirname "$0")/.."
fuzzed=0
# A short look of libFuzzer at every reader; `sh tests/fuzz/guided/run.sh 600` looks longer.
sh tests/fuzz/guided/run.sh 5 || fuzzed=$?
cargo test --workspace --locked --no-fail-fast
exit $fuzzed
