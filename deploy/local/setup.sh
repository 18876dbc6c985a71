#!/bin/sh
# Finds a Python that can run Taqseem and lets it build .venv from the lock. Needs nothing else.
#
#   deploy/local/setup.sh           what the portal needs
#   deploy/local/setup.sh --dev     what its tests need besides
#   deploy/local/setup.sh --find    only print the Python
#   deploy/local/setup.sh -- ARGUMENTS    then become the Python of .venv, called with these
#
# PYTHON=/path/to/python3.13 chooses one. A second run is instant.
set -eu
cd "$(dirname "$0")/../.."

# Where to look besides PATH.
: "${TAQSEEM_PYTHON_DIRS:=/usr/local/bin:/usr/bin:/opt/homebrew/bin}"
: "${PYENV_ROOT:=${HOME:-/nonexistent}/.pyenv}"

# It runs, is of a version that we know, and can make virtual environments.
# Being there is not enough: pyenv's shims are there for versions that aren't chosen, and Debian ships venv apart.
usable() {
    "$1" -c 'import ensurepip, sys, venv; sys.exit(not (3, 12) <= sys.version_info[:2] <= (3, 14))' \
        </dev/null >/dev/null 2>&1
}

# Every place that may hold one, best first, one a line.
candidates() {
    echo "$PWD/.venv/bin/python"
    for version in 3.14 3.13 3.12; do
        echo "$PATH:$TAQSEEM_PYTHON_DIRS" | tr ':' '\n' | sed "s|\$|/python$version|"
    done
    for version in 3.14 3.13 3.12; do
        for directory in "$PYENV_ROOT"/versions/"$version"*/bin; do
            echo "$directory/python$version"
        done
    done
    echo "$PATH:$TAQSEEM_PYTHON_DIRS" | tr ':' '\n' | sed 's|$|/python3|'
}

# uv itself: the one on PATH, or one that any Python's pip puts into a scratch directory.
borrowed_uv() {
    command -v uv && return
    for python in python3 /usr/bin/python3; do
        if "$python" -m pip install --quiet --disable-pip-version-check --target "$scratch" uv >&2; then
            echo "$scratch/bin/uv"
            return
        fi
    done 2>/dev/null
    return 1
}

# A Python that uv downloads.
fetched() {
    scratch=$(mktemp -d)
    trap 'rm -rf "$scratch"' EXIT
    uv=$(borrowed_uv) || return 1
    echo "No Python 3.12 or newer here: uv fetches one." >&2
    "$uv" python install --quiet 3.13 >&2 && "$uv" python find --managed-python 3.13
}

find_python() {
    if [ -n "${PYTHON:-}" ]; then
        chosen=$(command -v "$PYTHON") && usable "$chosen" && echo "$chosen" && return
        echo "PYTHON=$PYTHON is no Python 3.12 to 3.14 with its venv module." >&2
        return 1
    fi
    candidates | while read -r candidate; do
        if usable "$candidate"; then
            echo "$candidate"
            break
        fi
    done | grep . && return
    # A subshell, so that its trap tidies up.
    (python=$(fetched) && usable "$python" && echo "$python") && return
    cat >&2 <<'MESSAGE'
Taqseem needs Python 3.12, 3.13 or 3.14 with its venv module, and found none that runs.
  Debian, Ubuntu:  apt-get install python3 python3-venv    (Debian 13 or Ubuntu 24.04 and later)
  Fedora:          dnf install python3.13
  macOS:           brew install python@3.13
  elsewhere:       install uv (https://docs.astral.sh/uv/), which fetches one
Then run this again, or name one:  make run PYTHON=/path/to/python3.13
MESSAGE
    return 1
}

python=$(find_python)
if [ "${1:-}" = --find ]; then
    echo "$python"
else
    exec "$python" deploy/local/build_venv.py "$@"
fi
