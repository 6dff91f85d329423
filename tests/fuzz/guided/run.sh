#!/bin/sh
# Lets libFuzzer look for inputs that make a reader panic, take longer than 2 s or more than 256 MiB.
# What it finds is left in tests/fuzz/guided/artifacts; what reaches new code stays out of the corpus unless somebody adds it.
# usage: run.sh [SECONDS] [TARGET]...   (without a target: all of them)
set -eu
cd "$(dirname "$0")/../../.."
seconds=${1:-60}
[ $# -gt 0 ] && shift
tools=$PWD/target/test-tools
if [ ! -x "$tools/cargo-fuzz/bin/cargo-fuzz" ]; then
    echo "installing cargo-fuzz into $tools" >&2
    CARGO_TARGET_DIR=$tools/cargo-fuzz/build cargo install cargo-fuzz@0.13.2 --locked --quiet --root "$tools/cargo-fuzz"
    rm -rf "$tools/cargo-fuzz/build"
fi
PATH=$tools/cargo-fuzz/bin:$PATH
fuzz=tests/fuzz/guided
[ $# -gt 0 ] || set -- $(sed -n 's/^name = "\([a-z]*\)"$/\1/p' $fuzz/Cargo.toml)
for target; do
    found=target/fuzz/corpus/$target
    mkdir -p "$found"
    # No sanitizer: there is no unsafe code to watch, and the counting of branches works on a stable compiler.
    if ! cargo fuzz run --fuzz-dir $fuzz --target-dir target/fuzz --sanitizer none "$target" "$found" "tests/fuzz/corpus/$target" -- \
        -max_total_time="$seconds" -timeout=2 -rss_limit_mb=256 -max_len=16384 >"target/fuzz/$target.log" 2>&1; then
        tail -60 "target/fuzz/$target.log" >&2
        echo "error: fuzzing $target found something: see above and $fuzz/artifacts/$target" >&2
        exit 1
    fi
    tried=$(sed -n 's/^Done \([0-9]*\) runs.*/\1/p' "target/fuzz/$target.log")
    echo "fuzzed $target for $seconds s: ${tried:?libFuzzer did not say how many inputs it tried} inputs, nothing found"
done
