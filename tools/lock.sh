#!/usr/bin/env bash
# Pins and hashes what osvc runs on (requirements/run.txt) and is built with (requirements/dev.txt), from pyproject.toml.
# The files name no registry. Run it after a change of the dependencies, and to take newer versions: tools/lock.sh --upgrade
set -euo pipefail
cd "$(dirname "$0")/.."

scratch=$(mktemp -d)
trap 'rm -rf -- "$scratch"' EXIT
"${PYTHON:-python3}" -m venv "$scratch/venv"
"$scratch/venv/bin/pip" install -qq --disable-pip-version-check 'pip-tools>=7.5,<8'

compile() {
    "$scratch/venv/bin/pip-compile" --quiet --generate-hashes --strip-extras --allow-unsafe --no-header \
        --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-emit-options "$@" pyproject.toml
}
mkdir -p requirements
compile "$@" -o requirements/run.txt
compile "$@" --extra dev --constraint requirements/run.txt -o requirements/dev.txt
if grep -nE '^--|https?://|file:' requirements/run.txt requirements/dev.txt; then
    echo "error: a requirements file names a registry" >&2
    exit 1
fi
