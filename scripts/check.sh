#!/usr/bin/env bash
# What must hold before a change lands: lint, format, types, import rules, tests. Slow tests (tests/slow.py) are
# left to `make test` and to the continuous integration; arguments go to pytest in place of that choice.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh dev
bin="${VD4RL_VENV:-.venv}/bin"
"$bin/ruff" check .
"$bin/ruff" format --check .
"$bin/pyright" --pythonpath "$bin/python"
"$bin/lint-imports"
if [ $# -eq 0 ]; then
  set -- -m "not slow"
fi
scripts/test.sh "$@"
