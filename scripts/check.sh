#!/usr/bin/env bash
# What must hold before a change lands: lint, format, import rules, types, tests. Slow tests (tests/slow.py) are
# left to `make test` and to the continuous integration; arguments go to pytest in place of that choice.
# Types take one core a minute or two, so they are checked while the tests run, and told after them.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh dev
bin="${VD4RL_VENV:-.venv}/bin"
"$bin/ruff" check .
"$bin/ruff" format --check .
"$bin/lint-imports"
if [ $# -eq 0 ]; then
  set -- -m "not slow"
fi
told="$(mktemp)"
"$bin/pyright" --pythonpath "$bin/python" >"$told" 2>&1 &
types=$!
trap 'kill "$types" 2>/dev/null || true; rm -f "$told"' EXIT
status=0
scripts/test.sh "$@" || status=$?
wait "$types" || status=1
cat "$told"
exit "$status"
