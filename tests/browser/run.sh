#!/bin/bash
# The page in Debian's Chromium, headless. Prints TAP. Playwright drives it, from PyPI into a venv of its own.
#   tests/browser/run.sh [WORD ...]     only the tests whose names contain one of the words
# Needs the packages chromium, fonts-dejavu-core, python3-venv; LOAM names the program (default: build/loam).
set -u
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
venv=$root/build-test/browser-venv
pinned=playwright==1.65.2

if ! command -v chromium >/dev/null; then
    echo "1..0 # SKIP the package chromium is not installed"
    exit 0
fi
if ! "$venv/bin/python" -m pip show -q playwright 2>/dev/null; then
    rm -rf "$venv"
    if ! { python3 -m venv "$venv" && "$venv/bin/python" -m pip install -q --disable-pip-version-check "$pinned"; } >&2; then
        rm -rf "$venv"
        echo "1..0 # SKIP $pinned could not be fetched from PyPI"
        exit 0
    fi
fi
LOAM=${LOAM:-$root/build/loam} exec "$venv/bin/python" "$here/page.py" "$@"
