#!/bin/sh
# Makes .venv with everything that the demo and the tests need. Said in one line; the details are in .venv/setup.log.
set -eu
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
if ! "$python" -I -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
    echo "setup: Python 3.10 or newer is needed; $python is $("$python" --version 2>&1). Try: make PYTHON=python3.12 ..." >&2
    exit 1
fi
echo "setup: installing into .venv ($("$python" --version 2>&1)); the first time takes about a minute" >&2
mkdir -p .venv
log=.venv/setup.log
{
    "$python" -I -m venv .venv &&
    .venv/bin/python -I -m pip install --disable-pip-version-check -c constraints.txt -e '.[dev]' &&
    .venv/bin/python tests/compat/fetch.py
} >"$log" 2>&1 || {
    tail -n 15 "$log" >&2
    echo "setup: failed; all of it is in $log" >&2
    exit 1
}
touch .venv/.ready
