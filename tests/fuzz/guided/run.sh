#!/bin/sh
# Lets libFuzzer look for inputs that make a reader panic, take longer than 2 s or more than 256 MiB.
# What it finds is left in tests/fuzz/guided/artifacts; what reaches new code stays out of the corpus unless somebody adds it.
# usage: run.sh [SECONDS] [TARGET]...   (without a target: all of them) looks anew each time, from what it reached before
#        run.sh --same INPUTS [TARGET]...   tries so many inputs, from the corpus and one seed: the look of `make test`,
#                                           which judges a change and not a throw of dice
set -eu
cd "$(dirname "$0")/../../.."
same=""
[ "${1:-}" = --same ] && { same=1; shift; }
amount=${1:-60}
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

mkdir -p target/fuzz
# No sanitizer: there is no unsafe code to watch, and the counting of branches works on a stable compiler.
if ! cargo fuzz build --fuzz-dir $fuzz --target-dir target/fuzz --sanitizer none >target/fuzz/build.log 2>&1; then
    tail -60 target/fuzz/build.log >&2
    echo "error: the fuzzing targets of $fuzz do not compile: see above" >&2
    exit 1
fi

limits="-timeout=2 -rss_limit_mb=256 -max_len=16384"

# look TARGET PROGRAM ARTIFACTS: lets libFuzzer look once.
look() {
    if [ -n "$same" ]; then
        # An empty folder: what another run reached is not to decide what this one tries.
        found=$(mktemp -d)
        how="-runs=$amount -seed=1"
    else
        found=target/fuzz/corpus/$1
        mkdir -p "$found"
        how="-max_total_time=$amount"
    fi
    touch target/fuzz/began
    # shellcheck disable=SC2086 # The options are words.
    "$2" "$found" "tests/fuzz/corpus/$1" $how $limits -artifact_prefix="$3/" >"target/fuzz/$1.log" 2>&1 && ended=0 || ended=$?
    [ -z "$same" ] || rm -rf "$found"
    return $ended
}

# stood_still PROGRAM ARTIFACTS: the two seconds are the clock's, and an input that is quick when it is tried alone met a
# machine that stood still.
stood_still() {
    late=$(find "$2" -type f -newer target/fuzz/began -name 'timeout-*' | head -1)
    # shellcheck disable=SC2086
    [ -n "$late" ] && "$1" $limits "$late" >target/fuzz/again.log 2>&1 && rm "$late"
}

for target; do
    program=$(find target/fuzz -type f -path "*/release/$target" | head -1)
    artifacts=$fuzz/artifacts/$target
    mkdir -p "$artifacts"
    if ! look "$target" "$program" "$artifacts" && ! { stood_still "$program" "$artifacts" && look "$target" "$program" "$artifacts"; }; then
        tail -60 "target/fuzz/$target.log" >&2
        echo "error: fuzzing $target found something: see above and $artifacts" >&2
        exit 1
    fi
    tried=$(sed -n 's/^Done \([0-9]*\) runs.*/\1/p' "target/fuzz/$target.log")
    echo "fuzzed $target: ${tried:?libFuzzer did not say how many inputs it tried} inputs, nothing found"
done
