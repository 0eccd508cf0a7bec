#!/bin/sh
# Finds a Python that Lyceum runs on and hands over to setup.py. PYTHON=... names one; without it the machine's own
# `python3` comes first, and one that can make virtual environments before one that cannot.
set -eu
cd "$(dirname "$0")/.."

suits() {
    "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' >/dev/null 2>&1 </dev/null
}

makes_environments() {
    "$1" -c 'import ensurepip, venv' >/dev/null 2>&1 </dev/null || uv --version >/dev/null 2>&1
}

if [ -n "${PYTHON:-}" ]; then
    if suits "$PYTHON"; then
        exec "$PYTHON" scripts/setup.py "$@"
    fi
    echo "PYTHON=$PYTHON is no Python 3.11, 3.12 or 3.13: name another, or leave PYTHON out." >&2
    exit 1
fi

second_best=
for python in python3 python3.13 python3.12 python3.11; do
    suits "$python" || continue
    if makes_environments "$python"; then
        exec "$python" scripts/setup.py "$@"
    fi
    second_best=${second_best:-$python}
done
if [ -n "$second_best" ]; then
    exec "$second_best" scripts/setup.py "$@"
fi
found=$(python3 --version 2>/dev/null || echo "no python3")
echo "Lyceum needs Python 3.11, 3.12 or 3.13 and found $found: install one of them, or name it as in \`make PYTHON=/path/to/python3.12\`." >&2
exit 1
