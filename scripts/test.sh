#!/usr/bin/env bash
# Set up, then run all tests, three at a time: some wait for others. Arguments go to pytest.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh dev
scripts/gl.sh
scripts/browser.sh
scripts/claw.sh || echo "test: the D'Claw's wheel could not be fetched; tests that need it are skipped" >&2
unset PYTHONDONTWRITEBYTECODE # tests start many processes; each would compile all modules again
exec "${VD4RL_VENV:-.venv}/bin/python" -m pytest -n 3 --dist worksteal "$@"
