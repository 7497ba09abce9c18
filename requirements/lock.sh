#!/bin/sh
# Pin every dependency with hashes (needs uv). The files name no index: installers use their own.
set -eu
cd "$(dirname "$0")/.."
compile() {
    out=$1; shift
    uv pip compile pyproject.toml --group build "$@" --python-version 3.11 \
        --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate -q -o "$out"
}
compile requirements/bench.lock --extra sandbox --group dev --group bench
compile requirements/dev.lock --extra sandbox --group dev -c requirements/bench.lock
compile requirements/run.lock --extra sandbox -c requirements/bench.lock
# without the sandbox, and so without GPL (tests/house/test_licences.py)
compile requirements/production.lock --extra production -c requirements/bench.lock
