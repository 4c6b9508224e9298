"""Every command of ours that a page shows can be given as it stands, and its ids exist."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.project.parsing import parsed
from vd4rl_data.cli import make_parser
from vd4rl_data.registry import SUITES, get_dataset_spec

pytest.importorskip("torch")
pytest.importorskip("tyro")

_ROOT = Path(__file__).parents[2]
_PAGES = (*_ROOT.glob("*.md"), *_ROOT.glob("docs/*.md"), *_ROOT.glob("examples/*.md"))
_OURS = re.compile(r"\s*(?:\$ )?(vd4rl|python -m (?:collection|baselines|leaderboard)) (?=\S)")
_PLACEHOLDERS = {
    "ID": "VD4RL/walker_walk-random-64px-v0",
    "...": "",
    "my_algorithm:ALGORITHM": "bc",  # the reader's own
}


def _commands(page: Path) -> Iterator[tuple[str, list[str]]]:
    """The program and the arguments of each command in an example; prose is left alone."""
    fenced = False
    for line in page.read_text().replace("\\\n", " ").splitlines():
        if line.lstrip().startswith("```"):
            fenced = not fenced
        found = _OURS.match(line)
        if found and (fenced or line.startswith("    ")):
            words = shlex.split(line[found.end() :], comments=True)
            given = [_PLACEHOLDERS.get(word, word) for word in words]
            yield found[1].split()[-1], [word for word in given if word]


_SHOWN = [
    pytest.param(program, arguments, id=f"{page.name}: {program} {' '.join(arguments)}"[:100])
    for page in sorted(_PAGES)
    for program, arguments in _commands(page)
]


def test_commands_are_found() -> None:
    assert len(_SHOWN) > 50


@pytest.mark.parametrize(("program", "arguments"), _SHOWN)
def test_a_documented_command_is_one(program: str, arguments: list[str]) -> None:
    if program == "vd4rl":
        make_parser(arguments).parse_args(arguments)
    else:
        parsed(program, arguments)
    suites = "|".join(SUITES)
    for word in arguments:
        if re.fullmatch(rf"({suites})/\S+px-v\d+", word):
            get_dataset_spec(word)
