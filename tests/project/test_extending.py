"""The examples of docs/extending.md, as they stand, in their order."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.render
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_PAGE = (Path(__file__).parents[2] / "docs" / "extending.md").read_text(encoding="utf-8")
_SECTIONS = {
    text.partition("\n")[0]: text for text in re.split(r"^## ", _PAGE, flags=re.MULTILINE)[1:]
}
_RUN = [title for title, text in _SECTIONS.items() if "```bash" in text]


def _files(folder: Path) -> None:
    """Write every module of the page."""
    for language, text in _BLOCK.findall(_PAGE):
        name = text.partition("\n")[0].removeprefix("# ")
        if language == "python" and name.endswith(".py"):
            (folder / name).write_text(text, encoding="utf-8")


def _commands(section: str) -> list[str]:
    return [
        line
        for language, text in _BLOCK.findall(section)
        if language == "bash"
        for line in text.splitlines()
    ]


def _run(command: str, folder: Path, repository: Path) -> str:
    words = shlex.split(command)
    settings = dict(word.split("=", 1) for word in words if re.fullmatch(r"[A-Z0-9_]+=.*", word))
    program, *arguments = words[len(settings) :]
    start = [sys.executable, "-m", "vd4rl_data.cli"] if program == "vd4rl" else [sys.executable]
    done = subprocess.run(
        [*start, *arguments],
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": f"{repository}{os.pathsep}{folder}",
            "VD4RL_DATA_DIR": str(folder / "data"),
            **settings,
        },
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, command + done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("title", _RUN)
def test_an_example_runs(title: str, tmp_path: Path, repository: Path) -> None:
    _files(tmp_path)
    assert all(_run(line, tmp_path, repository) for line in _commands(_SECTIONS[title]))


def test_everything_that_can_be_added_has_an_example_that_runs() -> None:
    expected = ("A task", "A suite", "A simulator", "A look", "An algorithm", "A format")
    assert [title.partition(":")[0] for title in _RUN] == list(expected)
    line = "one file and one line"
    promised = ("one row", "one file", line, "one file", line, "one file")
    assert [title.partition(": ")[2] for title in _RUN] == list(promised)


def test_a_plugin_that_cannot_be_loaded_is_named(tmp_path: Path, repository: Path) -> None:
    (tmp_path / "broken.py").write_text("SUITE = 3\n")
    for name, message in (("broken", "expected a vd4rl_data.suite.Suite"), ("nowhere", "nowhere")):
        done = subprocess.run(
            [sys.executable, "-c", "import vd4rl_data"],
            env={
                **os.environ,
                "PYTHONPATH": f"{repository}{os.pathsep}{tmp_path}",
                "VD4RL_PLUGINS": name,
            },
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode != 0
        assert f"VD4RL_PLUGINS: {name}" in done.stderr
        assert message in done.stderr
