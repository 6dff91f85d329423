#!/bin/sh
# The whole job on the reference API, with nothing done before: build, make its repository, fill its database, start it on
# loopback, run every check with the claims' own numbers and delete what is due, render and verify the trust site.
# usage: reference-run.sh   (AVOUCH_PROFILE=release builds with optimisation)
set -eu
cd "$(dirname "$0")/.."
top=$(pwd)

profile=${AVOUCH_PROFILE:-dev}
cargo build --locked --quiet --profile "$profile" -p avouch -p reference-api
case $profile in dev) folder=debug ;; *) folder=$profile ;; esac
programs=${CARGO_TARGET_DIR:-$top/target}/$folder
avouch=$programs/avouch
api=$programs/reference-api

site=$top/target/trust-site
work=$top/target/reference
rm -rf "$work" "$site"
mkdir -p "$work"
product=$work/product

# The product: a tagged repository, a database with rows past their time (below the fuse), and the service.
commit=$("$api" repository "$product" --db data/app.db --ca run/ca.pem)
mkdir -p "$product/data" "$product/run"
"$api" seed "$product/data/app.db" --env-out "$work/env.sh"
# shellcheck disable=SC1091 # Made by the line above.
. "$work/env.sh"
"$api" serve --db "$product/data/app.db" --https 127.0.0.1:0 --http 127.0.0.1:0 --ca-out "$product/run/ca.pem" \
    --commit "$commit" --ready-file "$work/ready" --log "$product/logs/api.log" >"$work/service.out" 2>&1 &
service=$!
trap 'kill "$service" 2>/dev/null || true; wait "$service" 2>/dev/null || true' EXIT INT TERM
waited=0
until [ -f "$work/ready" ]; do
    if ! kill -0 "$service" 2>/dev/null || [ "$waited" -ge 300 ]; then
        echo "error: the reference API did not start:" >&2
        cat "$work/service.out" >&2
        exit 1
    fi
    waited=$((waited + 1))
    sleep 0.1
done
# Ports are free ones: the configuration learns them now. It is read from the folder, not from the commit.
https=$(sed -n 's/^HTTPS=//p' "$work/ready")
http=$(sed -n 's/^HTTP=//p' "$work/ready")
sed -i "s|https://127.0.0.1:8443|$https|; s|http://127.0.0.1:8080|$http|; s|^out = \"public\"|out = \"$site\"|" "$product/avouch.toml"
"$api" traffic --ready-file "$work/ready" --ca "$product/run/ca.pem"

echo "The reference API answers at $https. Checking it takes about three minutes: two limits are waited out." >&2
"$avouch" -C "$product" init --new-log >/dev/null
"$avouch" -C "$product" retention init >/dev/null
run=0
"$avouch" -C "$product" run --purge || run=$?
key=$("$avouch" -C "$product" key show)
"$avouch" verify "$site" --key "$key"
echo "The trust site: target/trust-site/en/index.html"
exit "$run"
