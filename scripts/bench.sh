#!/usr/bin/env bash
# All benchmarks but builds.py, which wants another checkout, each as ratios to a named reference in the same run. Arguments (--quick) go to each.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh dev
python="${VD4RL_VENV:-.venv}/bin/python"
for name in loader batches render collect looks download train_policy train updates resume beside export leaderboard; do
  echo "== benchmarks/$name.py"
  "$python" "benchmarks/$name.py" "$@"
done
