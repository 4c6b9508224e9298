"""Every command and program of the README works as it stands."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
_BLOCKS = _BLOCK.findall(_README)
_PROGRAMS = [text for language, text in _BLOCKS if language == "python"]
_COMMANDS = [
    line.partition("   #")[0].strip()
    for language, text in _BLOCKS
    if language == "bash"
    for line in text.splitlines()
    if line
]


def _run(arguments: list[str], cwd: Path, repository: Path, data: Path) -> str:
    environment = {
        **os.environ,
        "PYTHONPATH": str(repository),
        "VD4RL_DATA_DIR": str(data),
        "PYTHONWARNINGS": "error",
    }
    finished = subprocess.run(
        arguments,
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout


def test_the_readme_has_programs_and_commands() -> None:
    assert len(_PROGRAMS) >= 4
    assert any(command.startswith("vd4rl ") for command in _COMMANDS)


@pytest.mark.render
@pytest.mark.parametrize("program", _PROGRAMS, ids=lambda text: text.splitlines()[-1][:40])
def test_program_runs_and_prints_what_it_says(
    program: str, tmp_path: Path, repository: Path, data_dir: Path
) -> None:
    script = tmp_path / "program.py"
    script.write_text(program, encoding="utf-8")
    printed = _run([sys.executable, str(script)], tmp_path, repository, data_dir)
    for promised in re.findall(r"print\(.*\)  # (.*)$", program, re.MULTILINE):
        assert promised.partition(":")[0] in printed


@pytest.mark.render
def test_commands_run_in_the_order_of_the_readme(
    tmp_path: Path, repository: Path, data_dir: Path
) -> None:
    ran = 0
    for command in _COMMANDS:
        words = command.split()
        if words[0] == "vd4rl":
            arguments = [sys.executable, "-m", "vd4rl_data.cli", *words[1:]]
        elif words[:2] == ["python", "-m"]:
            arguments = [sys.executable, *words[1:]]
        else:
            continue
        _run(arguments, tmp_path, repository, data_dir)
        ran += 1
    assert ran >= 6


def test_make_targets_and_extras_exist(repository: Path) -> None:
    makefile = (repository / "Makefile").read_text(encoding="utf-8")
    project = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))
    extras = project["project"]["optional-dependencies"]
    for command in _COMMANDS:
        words = command.split()
        if words[0] == "make":
            assert re.search(rf"^{words[1]}:", makefile, re.MULTILINE), command
        for extra in re.findall(r"\.\[(\w+)\]", command):
            assert extra in extras, command


def test_linked_files_exist(repository: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", _README):
        assert (repository / target).exists(), target
