"""Fixtures of the simulator tests: tasks of the registry, and scripts in fresh processes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.tasks import KINDS, SUITE_TASKS

RunScript = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(params=KINDS)
def task(request: pytest.FixtureRequest) -> str:
    """A task of each kind in the registry."""
    return request.param


@pytest.fixture(params=SUITE_TASKS)
def suite_task(request: pytest.FixtureRequest) -> str:
    """Each task that is dm_control's own."""
    return request.param


@pytest.fixture
def run_script(tmp_path: Path, repository: Path) -> RunScript:
    """Run a script as the main module of a fresh process; a hang fails in the end."""

    def run(source: str, **environment: str) -> subprocess.CompletedProcess[str]:
        path = tmp_path / "script.py"
        path.write_text(source)
        return subprocess.run(
            [sys.executable, str(path)],
            env={**os.environ, "PYTHONPATH": str(repository), **environment},
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )

    return run
