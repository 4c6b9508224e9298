"""Benchmarks start as their pages say: by path, from a clone whose rooms are not installed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BENCHMARKS = sorted((ROOT / "benchmarks").glob("*.py"))


@pytest.mark.parametrize("path", BENCHMARKS, ids=lambda path: path.stem)
def test_a_benchmark_starts(path: Path, tmp_path: Path) -> None:
    command = [sys.executable, str(path), "--help"]
    process = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stderr
    assert "--quick" in process.stdout


@pytest.mark.parametrize("path", BENCHMARKS, ids=lambda path: path.stem)
def test_a_record_says_on_which_processor_it_was_measured(path: Path) -> None:
    """One owner of that fact: no benchmark looks for itself."""
    source = path.read_text(encoding="utf-8")
    assert '"processor": find_processor().record()' in source
    for other in ("cpuinfo", "platform.processor", "platform.machine"):
        assert other not in source
