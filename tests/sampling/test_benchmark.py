"""The loader benchmark runs and reports what it promises."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path


def test_quick_benchmark_reports_every_case(repository: Path, tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    command = [sys.executable, "benchmarks/loader.py", "--quick", "--pairs", "2"]
    result = subprocess.run(
        [*command, "--folder", str(tmp_path), "--json", str(figures)],
        cwd=repository,
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": str(repository), "PATH": "", "OMP_NUM_THREADS": "1"},
    )
    assert result.returncode == 0, result.stderr
    report = json.loads(figures.read_text())
    assert len(report["ratios"]) >= 9
    assert all(0 < ratio["p25"] <= ratio["median"] <= ratio["p75"] for ratio in report["ratios"])
    assert report["anonymous_memory_bytes"] < 300e6
    assert all(ratio["name"] in result.stdout for ratio in report["ratios"])
    assert list(tmp_path.iterdir()) == [figures]  # the files of noise are gone
