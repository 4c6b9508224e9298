#!/usr/bin/env bash
# Run the example for d3rlpy, and its tests. d3rlpy asks for gymnasium 1.0.0, which this package cannot
# use, but works with ours: it is installed without its requirements, and with what it imports by name,
# into a folder in front of .venv.
set -euo pipefail
cd "$(dirname "$0")/.."
python="${VD4RL_VENV:-.venv}/bin/python" # of scripts/setup.sh
folder=".venv-toolboxes/d3rlpy"
packages="d3rlpy==2.8.1 gym==0.26.2 gym_notices structlog colorama dataclasses-json marshmallow<4 typing-inspect mypy_extensions scikit-learn joblib threadpoolctl narwhals"
if [ "$(cat "$folder/.installed" 2>/dev/null)" != "$packages" ]; then
  echo "toolboxes: installing d3rlpy into $folder"
  rm -rf "$folder"
  # shellcheck disable=SC2086 # words
  "$python" -m pip --disable-pip-version-check --quiet install --no-deps --target "$folder" $packages
  echo "$packages" > "$folder/.installed"
fi
export PYTHONPATH="$folder:$PWD"
"$python" -m pytest -q -n 0 tests/project/test_examples.py -k d3rlpy
"$python" examples/d3rlpy_td3bc.py
