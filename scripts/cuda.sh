#!/usr/bin/env bash
# What needs a CUDA device, in ten minutes: the tests of it, then how long the papers' trainings take there.
#
#     scripts/cuda.sh OUT [budget's arguments, e.g. --quick --device cpu]
#
# PYTHON names an interpreter with torch and this package's requirements (python3 by default). Without a
# network, WHEELS names a folder of wheels to install first. Every record is in OUT as soon as it is there.
set -uo pipefail
out="$(mkdir -p "${1:?usage: scripts/cuda.sh OUT [ARGUMENTS]}" && cd "$1" && pwd)"
shift
cd "$(dirname "$0")/.."
python="${PYTHON:-python3}"
if [ -n "${WHEELS:-}" ]; then
  "$python" -m pip install --quiet --no-index --no-deps "$WHEELS"/*.whl || exit 1
fi
export PYTHONPATH="$PWD${PYTHONPATH:+:$PYTHONPATH}"
status=0
timeout 180 "$python" -m pytest -q -m cuda tests/pytorch tests/sampling tests/baselines tests/collection/sac \
  -p no:cacheprovider --junitxml "$out/tests.xml" || status=$?
[ "$status" -eq 5 ] && status=0 # no test was chosen: there is no CUDA device
timeout 420 "$python" benchmarks/budget.py --minutes 5 --json "$out/budget.json" "$@" || status=$?
exit "$status"
