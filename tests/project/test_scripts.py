"""The scripts of the project: what they take from the library is there."""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPTS = sorted(path.name for path in (ROOT / "scripts").glob("*.sh"))
IMPORT = re.compile(
    r"^from ((?:vd4rl_data|collection|baselines|leaderboard)[\w.]*) import ([\w, ]+)$", re.M
)


@pytest.mark.parametrize("name", SCRIPTS)
def test_what_a_script_imports_exists(name: str, repository: Path) -> None:
    for module, names in IMPORT.findall((repository / "scripts" / name).read_text()):
        for imported in names.split(", "):
            assert hasattr(importlib.import_module(module), imported), (module, imported)


@pytest.mark.render
def test_the_script_of_the_renderer_names_it(repository: Path) -> None:
    pytest.importorskip("dm_control")
    run = subprocess.run(
        [repository / "scripts/gl.sh"],
        env=os.environ | {"VD4RL_VENV": sys.prefix, "PYTHONPATH": str(repository)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.startswith("rendering with ")


def test_the_script_of_the_claw_refuses_another_wheel_and_leaves_it(
    repository: Path, tmp_path: Path
) -> None:
    wheel = tmp_path / "robel-0.1.2-py3-none-any.whl"
    wheel.write_bytes(b"another file")
    run = subprocess.run(
        [repository / "scripts/claw.sh"],
        env=os.environ
        | {
            "VD4RL_VENV": sys.prefix,
            "PYTHONPATH": str(repository),
            "VD4RL_ROBEL_WHEEL": str(wheel),
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 1
    assert "expected the wheel of robel 0.1.2" in run.stderr
    assert wheel.read_bytes() == b"another file"
