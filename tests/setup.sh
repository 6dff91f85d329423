#!/bin/sh
# Installs what the tests need beside Rust: git, ssh-keygen, Postgres, a browser with Node.js, and from PyPI foreign validators and an S3.
# What is already there is left alone. Nothing is skipped: what cannot be had ends the run with the reason.
set -eu
cd "$(dirname "$0")/.."

missing=""
need() { command -v "$1" >/dev/null 2>&1 || missing="$missing $2"; }
need git git
need ssh-keygen openssh-client
need chromium "chromium fonts-dejavu-core"
need node nodejs
need npm npm
need python3 python3
need openssl openssl
need xmllint libxml2-utils
need c++ g++
need strace strace
if command -v python3 >/dev/null 2>&1; then python3 -c 'import ensurepip, venv' 2>/dev/null || missing="$missing python3-venv"; fi

# The server's own programs are in no path. The tests start a server of their own, and touch no other.
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || missing="$missing postgresql"

if [ -n "$missing" ]; then
    if [ "$(id -u)" = 0 ]; then as_root=""; elif command -v sudo >/dev/null 2>&1; then as_root="sudo"; else
        echo "error: the tests need$missing, and installing packages needs root: apt-get install$missing" >&2
        exit 1
    fi
    echo "installing$missing" >&2
    $as_root apt-get update -qq
    # shellcheck disable=SC2086 # The names are words.
    DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq --no-install-recommends $missing >/dev/null
fi

tools=target/test-tools
mkdir -p "$tools"
if ! cmp -s tests/browser/package-lock.json "$tools/browser/.installed" 2>/dev/null; then
    rm -rf "$tools/browser" && mkdir -p "$tools/browser"
    cp tests/browser/package.json tests/browser/package-lock.json "$tools/browser/"
    (cd "$tools/browser" && npm ci --silent --no-audit --no-fund --ignore-scripts)
    cp tests/browser/package-lock.json "$tools/browser/.installed"
fi
if ! cmp -s tests/products/package-lock.json "$tools/products/.installed" 2>/dev/null; then
    rm -rf "$tools/products" && mkdir -p "$tools/products/bin"
    cp tests/products/package.json tests/products/package-lock.json "$tools/products/"
    (cd "$tools/products" && npm ci --silent --no-audit --no-fund --ignore-scripts)
    for node in "$tools"/products/node_modules/node-linux-*/bin/node; do ln -s "../${node#"$tools/products/"}" "$tools/products/bin/node"; done
    if ! "$tools/products/bin/node" --version >/dev/null; then
        echo "error: Node.js for the products does not start; is this machine x64 or arm64?" >&2
        exit 1
    fi
    cp tests/products/package-lock.json "$tools/products/.installed"
fi
if ! cmp -s tests/foreign/requirements.txt "$tools/python/.installed" 2>/dev/null; then
    rm -rf "$tools/python"
    python3 -m venv "$tools/python"
    "$tools/python/bin/pip" install --quiet --disable-pip-version-check -r tests/foreign/requirements.txt
    cp tests/foreign/requirements.txt "$tools/python/.installed"
fi
