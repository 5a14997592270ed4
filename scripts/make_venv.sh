#!/bin/sh
# A virtual environment from the given Python, or a sentence that says what is missing.
set -eu
python=$1 venv=$2
if ! "$python" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 14))' 2>/dev/null; then
    found=$("$python" --version 2>&1 || true)
    echo "Python 3.10 to 3.13 is needed, '$python' is: ${found:-not found}." >&2
    echo "Install one, or name it: make PYTHON=python3.12 ..." >&2
    exit 1
fi
# A folder that an interrupted run left behind has no pip and would never work.
rm -rf "$venv"
if "$python" -c 'import ensurepip' 2>/dev/null; then
    "$python" -m venv "$venv"
elif "$python" -m virtualenv --version >/dev/null 2>&1; then
    "$python" -m virtualenv --quiet "$venv"
elif "$python" -m pip --version >/dev/null 2>&1; then
    # Debian's python3 comes without ensurepip: borrow virtualenv for this one step.
    tools=$(mktemp -d)
    trap 'rm -rf "$tools"' EXIT
    "$python" -m pip install --quiet --target "$tools" virtualenv
    PYTHONPATH="$tools" "$python" -m virtualenv --quiet "$venv"
else
    echo "'$python' has neither venv nor pip. On Debian and Ubuntu: sudo apt install python3-venv" >&2
    exit 1
fi
