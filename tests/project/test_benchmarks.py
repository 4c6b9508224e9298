"""Benchmarks start as their pages say: by path, from a clone whose rooms are not installed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BENCHMARKS = sorted((ROOT / "benchmarks").glob("*.py"))

_START_EACH = """
import contextlib, io, json, os, runpy, sys
with contextlib.suppress(ImportError):
    import gymnasium, h5py, numpy, torch, dm_control.mujoco
clean = [path for path in sys.path if path]  # -c puts the working directory first
for path in json.loads(sys.argv[1]):
    sys.stdout.flush()
    if os.fork() == 0:  # nothing of ours is imported yet: each imports it from where it looks
        said = io.StringIO()
        sys.argv, sys.path[:] = [path, "--help"], [os.path.dirname(path), *clean]
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            try:
                runpy.run_path(path, run_name="__main__")
                status = 0
            except SystemExit as end:
                status = end.code
            except BaseException as error:
                status = repr(error)
        print(json.dumps([path, status, said.getvalue()]), flush=True)
        os._exit(0)
    os.wait()
"""


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int | str, str]]:
    """Path of each benchmark → exit status or error, and what it said to ``--help``."""
    command = [sys.executable, "-c", _START_EACH, json.dumps([str(path) for path in BENCHMARKS])]
    process = subprocess.run(
        command,
        cwd=tmp_path_factory.mktemp("elsewhere"),
        capture_output=True,
        text=True,
        check=True,
    )
    lines = [json.loads(line) for line in process.stdout.splitlines()]
    return {path: (status, said) for path, status, said in lines}


@pytest.mark.parametrize("path", BENCHMARKS, ids=lambda path: path.stem)
def test_a_benchmark_starts(path: Path, started: dict[str, tuple[int | str, str]]) -> None:
    status, said = started[str(path)]
    assert status == 0, said
    assert "--quick" in said


@pytest.mark.parametrize("path", BENCHMARKS, ids=lambda path: path.stem)
def test_a_record_says_on_which_processor_it_was_measured(path: Path) -> None:
    """One owner of that fact: no benchmark looks for itself."""
    source = path.read_text(encoding="utf-8")
    assert '"processor": find_processor().record()' in source
    for other in ("cpuinfo", "platform.processor", "platform.machine"):
        assert other not in source
