#!/usr/bin/env bash
# Everything that must hold before a change lands: lint, format, types, import rules, tests.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh dev
bin="${VD4RL_VENV:-.venv}/bin"
"$bin/ruff" check .
"$bin/ruff" format --check .
"$bin/pyright" --pythonpath "$bin/python"
"$bin/lint-imports"
scripts/test.sh "$@"
