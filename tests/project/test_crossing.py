"""How much of the library a call crosses: a reader of the code can follow it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

_CROSSED = """
import sys
import gymnasium
import vd4rl_data

env = gymnasium.make("VD4RL/walker_walk-random-sample-64px-v0")
get_dataset = env.get_wrapper_attr("get_dataset")
get_dataset()  # imports
crossed = set()

def note(frame, event, argument):
    code = frame.f_code
    if event == "call" and "/vd4rl_data/" in code.co_filename and "<" not in code.co_qualname:
        crossed.add((code.co_filename, code.co_qualname))

sys.setprofile(note)
get_dataset()
sys.setprofile(None)
print(len(crossed), len({path for path, _ in crossed}))
"""


def test_opening_a_dataset_crosses_few_functions_and_modules(repository: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _CROSSED],
        env={**os.environ, "PYTHONPATH": str(repository)},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    functions, modules = map(int, done.stdout.split())
    assert functions <= 60
    assert modules <= 14
