#!/usr/bin/env bash
# Set up, then run all tests, two at a time. Arguments go to pytest.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh dev
scripts/gl.sh
scripts/browser.sh
exec "${VD4RL_VENV:-.venv}/bin/python" -m pytest -n 2 "$@"
