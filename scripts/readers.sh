#!/usr/bin/env bash
# Read exports with the libraries that cannot be installed beside this package, each in a virtual
# environment of its own below .venv-readers: every frame, action, reward and end must be the one that
# was painted. Arguments: targets, in place of all. PYTHON312 names a Python 3.12, for lerobot.
set -euo pipefail
cd "$(dirname "$0")/.."
python="${VD4RL_VENV:-.venv}/bin/python" # of scripts/setup.sh
[ $# -gt 0 ] || set -- d3rlpy lerobot
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

packages_for() {
  case "$1" in
    d3rlpy) echo "d3rlpy==2.8.1" ;;
    lerobot) echo "lerobot[dataset]==0.6.1" ;;
    *) echo "$1" ;; # a library of the target's name
  esac
}

python_for() {
  case "$1" in
    lerobot) echo "${PYTHON312:-python3.12}" ;;
    *) echo "$python" ;;
  esac
}

PYTHONPATH="$PWD" "$python" -m tests.exporting.painted "$work" "$@"
for target in "$@"; do
  venv=".venv-readers/$target"
  packages="$(packages_for "$target")"
  if [ "$(cat "$venv/.installed" 2>/dev/null)" != "$packages" ]; then
    echo "readers: installing $packages into $venv"
    "$(python_for "$target")" -m venv --clear "$venv"
    "$venv/bin/python" -m pip --disable-pip-version-check --quiet install "$packages"
    echo "$packages" > "$venv/.installed"
  fi
  "$venv/bin/python" tests/exporting/reading.py "$target" "$work/$target" "$work/expected.npz"
done
