#!/usr/bin/env bash
# One published number, end to end: collect walker medium with the shipped policy, drawn on this machine, and
# train DrQ+BC and BC on it. V-D4RL (Table 1): DrQ+BC 468 +- 46, BC 409 +- 62, mean return of the last policy.
#
#     scripts/published_number.sh OUT [seed]          # a CUDA device, a core per worker, dm_control
#     QUICK=1 scripts/published_number.sh OUT         # a few minutes on two cores: that it runs, not the number
#
# Killed at any moment, the same command goes on: finished episodes and checkpoints are kept in OUT.
set -euo pipefail
out="$(mkdir -p "${1:?usage: scripts/published_number.sh OUT [SEED]}" && cd "$1" && pwd)"
seed="${2:-0}"
cd "$(dirname "$0")/.."
python="${PYTHON:-.venv/bin/python}"
id=VD4RL/walker_walk-medium-84px-v0
collect=() train=(--preset paper)
if [ -n "${QUICK:-}" ]; then
  collect=(--episodes 2) train=(--preset smoke --device cpu --evaluation-episodes 1)
fi
export VD4RL_DATA_DIR="$out/data"
"$python" -m collection collect "$id" "${collect[@]}"
for algorithm in drq_bc bc; do
  "$python" -m baselines train --algorithm "$algorithm" --dataset "$id" --source local --seed "$seed" "${train[@]}" \
    --out "$out/$algorithm-seed$seed"
done
"$python" -m baselines report "$out"
