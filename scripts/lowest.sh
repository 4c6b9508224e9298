#!/usr/bin/env bash
# A chosen part of the tests with the lowest version of every dependency that pyproject.toml allows, in
# a virtual environment of its own. Arguments go to pytest, in place of the chosen tests.
set -euo pipefail
cd "$(dirname "$0")/.."
venv="${VD4RL_LOWEST_VENV:-.venv-lowest}"
fingerprint="$(cat pyproject.toml constraints-lowest.txt scripts/lowest.sh | cksum)"
if [ "$(cat "$venv/.installed" 2>/dev/null)" != "$fingerprint" ]; then
  python="${VD4RL_VENV:-.venv}/bin/python" # of scripts/setup.sh, where that ran
  [ -x "$python" ] || python="${PYTHON:-python3}"
  "$python" -m venv --clear "$venv"
  echo "lowest: installing the lowest versions into $venv"
  "$venv/bin/python" -m pip --disable-pip-version-check --quiet install -c constraints-lowest.txt \
    -e ".[collection,video]" beartype hypothesis jsonschema packaging pytest
  echo "$fingerprint" > "$venv/.installed"
fi
if [ $# -eq 0 ]; then
  set -- tests/storage/test_any_time.py tests/storage/test_archive.py tests/formats/test_export.py \
    tests/formats/test_shards.py tests/dataset/test_composite.py tests/project/test_writers.py
fi
# The runtime type checks of the test set-up ask for a newer jaxtyping.
exec "$venv/bin/python" -m pytest -q -o addopts="-ra --strict-markers --import-mode=importlib" "$@"
