#!/usr/bin/env bash
# Fetch the wheel of robel 0.1.2, which has the D'Claw's model, to where the library looks for it. Returns at once
# if it is there. pip from 24.1 on refuses its metadata, so an older one does it, in an environment of its own.
set -euo pipefail
cd "$(dirname "$0")/.."
python="${VD4RL_VENV:-.venv}/bin/python"
wheel="$("$python" -c 'from vd4rl_data.paths import robel_wheel; print(robel_wheel())')"
check=(-c 'import sys
from pathlib import Path

from vd4rl_data.simulators.dclaw_model import check_wheel
from vd4rl_data.errors import Vd4rlError

try:
    check_wheel(Path(sys.argv[1]))
except Vd4rlError as error:
    sys.exit(str(error))
')
if [ -e "$wheel" ]; then
  exec "$python" "${check[@]}" "$wheel"
fi
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
"$python" -m venv "$folder/old-pip"
pip=("$folder/old-pip/bin/python" -m pip --disable-pip-version-check --quiet)
"${pip[@]}" install "pip<24.1"
"${pip[@]}" download --no-deps robel==0.1.2 --dest "$folder"
found="$folder/robel-0.1.2-py3-none-any.whl"
"$python" "${check[@]}" "$found"
mkdir -p "$(dirname "$wheel")"
mv "$found" "$wheel"
echo "claw: the D'Claw's model is in $wheel"
