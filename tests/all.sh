#!/bin/sh
# Every test. The last lines are the test runner's own.
set -eu
cd "$(dirname "$0")/.."
cargo test --workspace --locked --no-fail-fast
