#!/usr/bin/env bash
# Prove the table of vd4rl_data/simulators/versions.py again, on this machine: the reference plays and
# draws every task, then each pair, installed in front of .venv, must draw the same. NUMPY=2.4.6 does
# it with another numpy. Arguments: pairs of the table, as MUJOCO:DM_CONTROL, in place of all.
set -euo pipefail
cd "$(dirname "$0")/.."
python="${VD4RL_VENV:-.venv}/bin/python"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
export PYTHONDONTWRITEBYTECODE=1 OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"

with_pair() { # MUJOCO:DM_CONTROL COMMAND...: run with this pair
  local folder="$work/pair" mujoco="${1%%:*}" control="${1##*:}"
  shift
  "$python" -m pip --disable-pip-version-check --quiet install --no-deps --target "$folder" \
    "mujoco==$mujoco" "dm_control==$control" ${NUMPY:+"numpy==$NUMPY"}
  PYTHONPATH="$folder:$PWD" "$python" "$@"
  rm -rf "$folder"
}

pairs="$*"
[ -n "$pairs" ] || pairs="$("$python" -c '
from vd4rl_data.simulators.versions import PAIRS
print(*(f"{pair.mujoco}:{pair.dm_control}" for pair in PAIRS))')"
reference="$("$python" -c '
from vd4rl_data.simulators.versions import REFERENCE
print(f"{REFERENCE.mujoco}:{REFERENCE.dm_control}")')"
echo "recording with the reference, $reference"
with_pair "$reference" -m tests.simulators.golden "$work/golden"
failed=""
for pair in $pairs; do
  echo "== $pair"
  VD4RL_GOLDEN="$work/golden" with_pair "$pair" -m pytest -q -n 0 tests/simulators/test_versions.py \
    || failed="$failed $pair"
done
[ -z "$failed" ] || { echo "not proved:$failed"; exit 1; }
