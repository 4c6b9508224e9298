"""A training run says what it was asked to say, and warns of nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")

DATASET = "Toy/walker_short-random-64px-v0"
SMALL = ("--steps", "4", "--batch-size", "4", "--feature-dim", "8", "--hidden-dim", "16")


def python(repository: Path, *arguments: str, **environment: str) -> tuple[str, str]:
    """Output and errors of a fresh process that shows every warning."""
    done = subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, "PYTHONPATH": str(repository), **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr


@pytest.mark.render
def test_a_training_run_on_a_cpu_prints_no_warning(repository: Path, tmp_path: Path) -> None:
    """The simulator, TensorBoard and a video included; whose copy it trains on is told once."""
    plugin = {"VD4RL_PLUGINS": "tests.baselines.short_walker"}
    source = "import sys, pathlib; from tests.baselines.short_walker import make_dataset"
    python(repository, "-c", f"{source}; make_dataset(pathlib.Path(sys.argv[1]))", str(tmp_path))
    command = ["-m", "baselines", "train", "--algorithm", "drq_bc", "--no-progress", *SMALL]
    command += ["--dataset", DATASET, "--data-dir", str(tmp_path)]
    command += ["--device", "cpu", "--workers", "1", "--evaluation-episodes", "1"]
    command += ["--out", str(tmp_path / "run"), "--video", str(tmp_path / "episode.gif")]
    out, err = python(repository, *command, **plugin)
    assert "after 4 gradient steps" in out
    (said,) = err.splitlines()
    assert said.startswith(f"{DATASET}: a regenerated copy, not the authors' files")


def test_numpy_keeps_the_true_limits_while_tiny_numbers_vanish(repository: Path) -> None:
    source = """
import torch
from baselines.bench.guards import numerics
from baselines.bench.settings import Machine
import numpy
with numerics(torch.device("cpu"), Machine(device="cpu"), "float32"):
    kinds = (numpy.float16, numpy.float32, numpy.float64, numpy.longdouble)
    smallest = [numpy.finfo(kind).smallest_subnormal for kind in kinds]
print(*(each > 0 for each in smallest), sep="\\n")
"""
    assert python(repository, "-c", source) == ("True\n" * 4, "")
