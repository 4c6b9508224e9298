#!/usr/bin/env bash
# Say plainly what to install when MuJoCo finds no OpenGL library to render with.
set -euo pipefail
cd "$(dirname "$0")/.."
exec "${VD4RL_VENV:-.venv}/bin/python" -c "
import sys

from vd4rl_data.simulators.gl import renderer_name
from vd4rl_data.errors import Vd4rlError

try:
    print('rendering with', renderer_name())
except Vd4rlError as error:
    sys.exit(str(error))
"
