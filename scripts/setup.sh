#!/usr/bin/env bash
# Make .venv and install this clone into it with the extras named by $1 (default: dev), once.
# A second call with nothing changed returns at once.
set -euo pipefail
cd "$(dirname "$0")/.."
extra="${1:-dev}"
venv="${VD4RL_VENV:-.venv}"

find_python() {
  # dm_control needs labmaze, which has wheels up to Python 3.12; elsewhere it would need a compiler.
  for candidate in "${PYTHON:-}" python3.12 python3.11 python3 python; do
    [ -n "$candidate" ] || continue
    if "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then
      echo "$candidate"
      return
    fi
  done
  echo "setup: Python 3.11, 3.12 or 3.13 is needed and none was found; install one, or name it: PYTHON=/path/to/python3.12" >&2
  exit 1
}

if [ ! -x "$venv/bin/python" ]; then
  python="$(find_python)"
  echo "setup: making $venv with $("$python" --version)"
  if ! "$python" -m venv "$venv"; then
    rm -rf "$venv"
    echo "setup: $python cannot make virtual environments; on Debian or Ubuntu: apt-get install python3-venv" >&2
    exit 1
  fi
fi

stamp="$venv/.installed-$extra"
fingerprint="$(cat pyproject.toml constraints.txt scripts/setup.sh | cksum)"
if [ "$(cat "$stamp" 2>/dev/null)" = "$fingerprint" ]; then
  exit 0
fi

echo "setup: installing vd4rl-data[$extra] into $venv (a few minutes the first time)"
pip=("$venv/bin/python" -m pip --disable-pip-version-check --quiet)
"${pip[@]}" install -c constraints.txt -e ".[$extra]"
if "$venv/bin/python" -c 'import sys; sys.exit(sys.version_info[:2] < (3, 13))'; then
  "${pip[@]}" install --no-deps -c constraints.txt dm_control # see pyproject.toml: no labmaze here
fi
echo "$fingerprint" > "$stamp"
