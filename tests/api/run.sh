#!/usr/bin/env bash
# The API as its users meet it: `loam serve` with the default model, OpenAI's own Python client, and a thousand random
# requests. Prints TAP. From the environment: LOAM (the release program), LOAM_TEST (the one with sanitizers).
set -u
export PYTHONDONTWRITEBYTECODE=1
root=$(cd "$(dirname "$0")/../.." && pwd)
export LOAM=${LOAM:-$root/build/loam}
export LOAM_TEST=${LOAM_TEST:-$root/build-test/loam}
client=openai==3.57.0
venv=$root/build-test/api-venv
status=0
mkdir -p "$root/build-test"

if ! "$venv/bin/pip" freeze 2>/dev/null | grep -qx "$client"; then
    rm -rf "$venv"
    if ! { python3 -m venv "$venv" && "$venv/bin/pip" install -q "$client"; } >"$root/build-test/api-venv.log" 2>&1; then
        if [ -n "${LOAM_OFFLINE:-}" ]; then
            echo "1..0 # SKIP LOAM_OFFLINE is set and $client is not here"
            exit 0
        fi
        echo "1..1"
        echo "not ok 1 - $client can be installed"
        sed 's/^/# /' "$root/build-test/api-venv.log"
        exit 1
    fi
fi
"$venv/bin/python" "$root/tests/api/test_openai.py" || status=1
"$venv/bin/python" "$root/tests/api/test_pictures.py" || status=1
"$venv/bin/python" "$root/tests/api/chaos.py" || status=1
exit $status
