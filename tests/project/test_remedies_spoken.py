"""A remedy that a message of the library names is an option on a command line that has one.

The messages are read from the sources, so a new one is tested without a word here: its keyword is
an option of some command, or stands among those that no command line offers.
"""

from __future__ import annotations

import ast
import dataclasses
import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from vd4rl_data.cli import COMMANDS as OURS
from vd4rl_data.cli import main
from vd4rl_data.errors import Vd4rlError

pytest.importorskip("torch")
tyro: Any = pytest.importorskip("tyro")

ID = "VD4RL/walker_walk-random-64px-v0"
FILE = "x.h5"
COMMANDS: dict[str, list[str]] = {
    "vd4rl list": [],
    "vd4rl info": [ID],
    "vd4rl verify": [ID],
    "vd4rl preview": [ID],
    "vd4rl download": [ID],
    "vd4rl cache": ["ls"],
    "vd4rl import": ["folder", "--id", ID],
    "vd4rl export": [ID, "--format", "vd4rl-npz", "--out", "folder"],
    "vd4rl pack": [FILE],
    "vd4rl unpack": [FILE],
    "vd4rl result": ["validate", "x.json"],
    "vd4rl publish": [FILE, "--repo", "user/name"],
    "collection collect": [ID],
    "collection render": [FILE, "--size", "64"],
    "collection stats": [FILE],
    "collection train": ["walker_walk"],
    "baselines train": ["--algorithm", "bc", "--dataset", ID],
    "baselines sweep": ["--algorithms", "bc", "--datasets", ID],
    "baselines evaluate": ["run"],
    "leaderboard check": ["x.json"],
    "leaderboard add": ["x.json"],
}
RENAMED = {
    ("vd4rl import", "root"): "--out",
    ("baselines train", "root"): "--data-dir",
    ("baselines sweep", "root"): "--data-dir",
    ("baselines evaluate", "root"): "--data-dir",
}
"""Command and keyword → the option that stands for it under another name."""

PYTHON_ONLY = {
    "drop_last": "how an epoch ends; no command trains for epochs",
    "epochs": "len() of a sampler",
    "materialize": "no command opens a composite in one file",
    "n_step_end": "how samplers treat the ends of episodes",
    "pad": "windows longer than an episode",
    "token": "of the Hub; command lines take $HF_TOKEN, which the message names, too",
}
"""Keywords that no command line has an option for, and why."""

_CALL = re.compile(r"[\w.]+\((?:[^()]|\([^()]*\))*\)")  # code to copy, which stays as it is
_REMEDY = re.compile(r"(?<![\w.?&-])([a-z]\w*)=(?=True|False|\"|'|None|[A-Z0-9]|$|[ .,;)])")
_NO_REMEDY = re.compile(r"^(terminated=|bytes=|select=|;\\s)")  # facts, HTTP headers, ffmpeg


def _texts(tree: ast.Module) -> Iterator[str]:
    """Every text of a module but docstrings; values that are put in stand as ``X``."""
    skipped: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            skipped.add(id(node.value))
        if isinstance(node, ast.JoinedStr):
            skipped |= {id(value) for value in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts = (v.value if isinstance(v, ast.Constant) else "X" for v in node.values)
            yield "".join(map(str, parts))
        elif isinstance(node, ast.Constant) and id(node) not in skipped:
            yield node.value if isinstance(node.value, str) else ""


def _remedies() -> dict[str, list[str]]:
    """Keyword → the messages of the library that name it."""
    found: dict[str, list[str]] = {}
    library = Path(__file__).parents[2] / "vd4rl_data"
    for path in sorted(library.rglob("*.py")):
        if path.parent.name == "cli":
            continue
        for text in _texts(ast.parse(path.read_text("utf-8"))):
            if not _NO_REMEDY.search(text) and "import vd4rl_data" not in text:
                for name in _REMEDY.findall(_CALL.sub("", text)):
                    found.setdefault(name, []).append(text)
    return found


REMEDIES = _remedies()


class _Parsed(Exception):  # noqa: N818 - not a failure
    pass


def _shown(
    command: str, text: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> str:
    """What a command line shows of an error of the library."""

    def fail(*_: object) -> None:
        raise Vd4rlError(text)

    program, name = command.split()
    arguments = [name, *COMMANDS[command]]
    if program == "vd4rl":
        module = importlib.import_module(f"vd4rl_data.cli.{OURS[name][0]}")
        monkeypatch.setattr(module, "COMMAND", dataclasses.replace(module.COMMAND, run=fail))
        assert main(arguments) == 2
    else:
        parse = tyro.cli

        def parsed(*given: Any, **options: Any) -> Any:
            found = parse(*given, **options)
            monkeypatch.setattr(type(found), "run", fail)
            return found

        monkeypatch.setattr(tyro, "cli", parsed)
        assert importlib.import_module(f"{program}.cli").main(arguments) == 1
    return capsys.readouterr().err


def _options(command: str, capsys: pytest.CaptureFixture[str]) -> set[str]:
    """Those that its help names."""
    program, name = command.split()
    run = main if program == "vd4rl" else importlib.import_module(f"{program}.cli").main
    extra = COMMANDS[command] if program == "baselines" else []
    with pytest.raises(SystemExit):
        run([name, *extra, "--help"])
    return set(re.findall(r"--[a-z][a-z-]*", capsys.readouterr().out))


def _option_of(command: str, keyword: str, options: set[str]) -> str | None:
    own = keyword.replace("_", "-")
    names = (f"--{own}", f"--no-{own}", RENAMED.get((command, keyword), ""))
    return next((name for name in names if name in options), None)


def test_the_sources_name_remedies() -> None:
    assert {"check_hashes", "replace", "root", "skip_broken", "source"} <= set(REMEDIES)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_line_names_its_own_option(
    command: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    options = _options(command, capsys)
    for keyword, texts in REMEDIES.items():
        option = _option_of(command, keyword, options)
        for text in texts if option else ():
            with monkeypatch.context() as patches:
                shown = _shown(command, text, patches, capsys)
            assert str(option) in shown, (keyword, shown)
            assert not re.search(rf"(?<![\w.(]){keyword}=", _CALL.sub("", shown)), shown


def test_every_keyword_is_an_option_somewhere_or_known_to_be_none(
    capsys: pytest.CaptureFixture[str],
) -> None:
    options = {command: _options(command, capsys) for command in COMMANDS}
    offered = {
        keyword
        for keyword in REMEDIES
        if any(_option_of(command, keyword, found) for command, found in options.items())
    }
    assert set(REMEDIES) - offered == set(PYTHON_ONLY)
