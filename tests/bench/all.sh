#!/bin/sh
# Measurements against peers: builds with optimisation, measures, prints a Markdown table. Not a test: nothing here fails
# because a machine is slow. With --write the table in docs/performance.md is replaced.
# BENCH_DIR names a folder for what is measured on, such as one in memory; otherwise it is target/bench.
# usage: all.sh [--write] [--nights N] [sbom|scale|peers|retention|verify|render|year|job]...   (without a name: all of them)
set -eu
cd "$(dirname "$0")/../.."

command -v python3 >/dev/null 2>&1 || { echo "error: measuring needs python3" >&2; exit 1; }
built=${CARGO_TARGET_DIR:-target}/release
cargo build --release --locked --quiet -p avouch
cargo build --release --locked --quiet -p avouch --example year
cargo build --release --locked --quiet -p avouch-retain --example purge_cost
cargo build --release --locked --quiet -p avouch-record --example grown_log
cargo build --release --locked --quiet -p avouch-render --example preview
cargo build --release --locked --quiet -p avouch-sbom --example scale

tools=target/bench-tools
if [ ! -x "$tools/bin/cargo-cyclonedx" ]; then
    echo "installing cargo-cyclonedx into $tools" >&2
    CARGO_TARGET_DIR=$tools/build cargo install cargo-cyclonedx --locked --quiet --root "$tools"
    rm -rf "$tools/build"
fi
exec python3 tests/bench/measure.py --built "$built" --tools "$tools/bin" "$@"
