#!/usr/bin/env bash
# Every test but those of the lab (make lab): those that touch no machine in parallel, then the real ones, one after the other, as root.
# Arguments go to pytest. With CI=true a test that was skipped is a failure, and so is not being root.
set -euo pipefail
cd "$(dirname "$0")/.."
unset PYTHONDONTWRITEBYTECODE # see .ci/run

scratch=$(mktemp -d)
trap 'rm -rf -- "$scratch"' EXIT

nothing_skipped() { # nothing_skipped REPORT
    [ "${CI:-}" != true ] && return 0
    .venv/bin/python - "$1" <<'PYTHON'
import sys
from xml.etree import ElementTree

cases = [case for case in ElementTree.parse(sys.argv[1]).iter("testcase") if case.find("skipped") is not None]
for case in cases:
    print(f"error: skipped: {case.get('classname')}::{case.get('name')}: {case.find('skipped').get('message')}", file=sys.stderr)
sys.exit(bool(cases))
PYTHON
}

wrong=0
ran=0 # parts in which there was a test to run
chosen=$#
run() { # run NAME PYTEST-ARGUMENTS...: every part is run, whatever the first comes to
    local name=$1 code=0
    shift
    .venv/bin/python -m pytest -q --durations=40 --junitxml="$scratch/$name.xml" -o junit_logging=no "$@" || code=$?
    if [ "$code" = 5 ] && [ "$chosen" -gt 0 ]; then
        return 0 # what was asked for is in another part
    fi
    ran=$((ran + 1))
    [ "$code" = 0 ] && nothing_skipped "$scratch/$name.xml" || wrong=1
}

run quick -m "not real" -n "${WORKERS:-2}" "$@"
if [ "$(id -u)" = 0 ]; then
    run real -m "real and not lab" -p no:xdist "$@"
elif [ "${CI:-}" = true ]; then
    echo "error: the tests on the real machine need root" >&2
    exit 1
else
    echo "not root: the tests on the real machine (pytest -m real) were not run; sudo make test runs them" >&2
fi
if [ "$ran" = 0 ]; then
    echo "error: no test was run: $*" >&2
    exit 1
fi
exit "$wrong"
