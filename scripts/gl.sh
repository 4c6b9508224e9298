#!/usr/bin/env bash
# Say plainly what to install when MuJoCo finds no OpenGL library to render with.
set -euo pipefail
cd "$(dirname "$0")/.."
exec "${VD4RL_VENV:-.venv}/bin/python" -m vd4rl_data.envs.render
