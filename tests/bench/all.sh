#!/bin/sh
# Measurements against peers: builds with optimisation, measures, prints a Markdown table. Not a test: nothing here fails
# because a machine is slow. With --write the table in docs/performance.md is replaced.
# BENCH_DIR names a folder for what is measured on, such as one in memory; otherwise it is target/bench.
# BENCH_ADVISORIES names a checkout of RustSec's advisory-db, where it cannot be cloned.
# usage: all.sh [--write] [--nights N] [--runs N] [sbom|scale|advise|peers|scan|hygiene|retention|memory|postgres|d1|verify|render|year|job|profiles|alarms]...   (without a name: all of them)
set -eu
cd "$(dirname "$0")/../.."

command -v python3 >/dev/null 2>&1 || { echo "error: measuring needs python3" >&2; exit 1; }
built=${CARGO_TARGET_DIR:-target}/release
sections=" $* "
case $sections in *" "[a-z]*) ;; *) sections=" sbom scale advise peers scan hygiene retention memory postgres d1 verify render year job profiles alarms " ;; esac
# What a section runs is built when it is measured: build SECTIONS ARGUMENTS.
build() {
    for section in $1; do
        case $sections in *" $section "*) cargo build --release --locked --quiet $2; return ;; esac
    done
}
build "sbom peers scan memory verify year job profiles" "-p avouch"
build profiles "-p reference-api"
build year "-p avouch --example year"
build retention "-p avouch-retain --example purge_cost"
build postgres "-p avouch-retain --example postgres_cost"
build verify "-p avouch-record --example grown_log"
build render "-p avouch-render --example preview"
build scale "-p avouch-sbom --example scale"
build advise "-p avouch-advise --example cost"
build hygiene "-p avouch-collect --example hygiene_cost"

tools=target/bench-tools
case $sections in *" sbom "*)
    if [ ! -x "$tools/bin/cargo-cyclonedx" ]; then
        echo "installing cargo-cyclonedx into $tools" >&2
        CARGO_TARGET_DIR=$tools/build cargo install cargo-cyclonedx --locked --quiet --root "$tools"
        rm -rf "$tools/build"
    fi
esac
# The long run of kills; the tests make 25.
case $sections in *" retention "*) AVOUCH_KILL_POINTS=500 cargo test --locked --quiet -p avouch-retain --test killed --test postgres >&2 ;; esac
exec python3 tests/bench/measure.py --built "$built" --tools "$tools/bin" "$@"
