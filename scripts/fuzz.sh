#!/usr/bin/env bash
# Throw 10,000 blindly damaged files at the readers. Arguments (--files N --seed S) go to the fuzzer.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh dev
exec "${VD4RL_VENV:-.venv}/bin/python" -m tests.fuzz.fuzzer "$@"
