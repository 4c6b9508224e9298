#!/usr/bin/env bash
# Set up, then collect, open, sample, evaluate and draw: see examples/demo.py. Arguments go to it.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh collection
scripts/gl.sh
exec "${VD4RL_VENV:-.venv}/bin/python" examples/demo.py "$@"
