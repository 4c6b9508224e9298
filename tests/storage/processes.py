"""Running a few lines of Python in a process of their own, next to the tiny datasets."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
_PRELUDE: Final = """\
import gc, os, signal, sys, time
from pathlib import Path
from tests.storage import tiny
from vd4rl_data.storage import PartStore, pack, unpack, open_dataset, verify_dataset
tiny.register()
folder = Path(sys.argv[1])
"""


def start(code: str, *arguments: object) -> subprocess.Popen[str]:
    """Start the code; ``folder`` is its first argument. Standard input and output are pipes."""
    return subprocess.Popen(
        [sys.executable, "-c", _PRELUDE + code, *map(str, arguments)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def run(code: str, *arguments: object) -> str:
    """Run the code to its end and return what it printed; fails if it died."""
    with start(code, *arguments) as process:
        printed, _ = process.communicate(timeout=120)
    assert process.returncode == 0, f"exited with {process.returncode}: {printed}"
    return printed
