"""A remedy that a message of the library names is one that somebody at a command line can type."""

from __future__ import annotations

import argparse
import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import vd4rl_data
from vd4rl_data.cli import COMMANDS, make_parser
from vd4rl_data.flags import spoken

LIBRARY = Path(vd4rl_data.__file__).parent
REMEDY = re.compile(r"(?<![\w.(&?-])([a-z_]+)=(True|False|None)\b")
OF_PYTHON_ALONE = {"batch_size", "drop_last", "materialize", "pad"}
"""Keyword arguments of calls that no command makes for its user."""


def _texts(tree: ast.AST) -> Iterator[str]:
    """All texts of a module but those that stand alone, as docstrings do."""
    alone = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in alone:
            yield node.value


def _remedies() -> set[tuple[str, str]]:
    found: set[tuple[str, str]] = set()
    for path in LIBRARY.rglob("*.py"):
        for text in _texts(ast.parse(path.read_text(encoding="utf-8"))):
            found |= {match.groups() for match in REMEDY.finditer(re.sub(r"\([^()]*\)", "", text))}
    return found


def _flags(command: str) -> tuple[frozenset[str], dict[str, str]]:
    """The options of a command, and those that are called otherwise in the library."""
    parser = make_parser([command])
    commands = next(a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
    chosen = commands.choices[command]
    options = {option for action in chosen._actions for option in action.option_strings}
    return frozenset(options), dict(chosen.get_default("renamed"))


@pytest.fixture(scope="module")
def remedies() -> set[tuple[str, str]]:
    return _remedies()


def test_there_are_remedies(remedies: set[tuple[str, str]]) -> None:
    assert {("replace", "True"), ("check_hashes", "False")} <= remedies
    assert {name for name, _ in remedies} >= OF_PYTHON_ALONE, "one of them is named no more"


def test_a_remedy_can_be_typed(remedies: set[tuple[str, str]]) -> None:
    commands = [_flags(command) for command in COMMANDS]
    for name, value in remedies:
        said = f"remove it, or pass {name}={value}"
        shown = {spoken(said, flags, renamed) for flags, renamed in commands} - {said}
        if name in OF_PYTHON_ALONE:
            assert not shown, name
        else:
            assert shown, f"no command has an option for {name}: add one, or list it above"
            assert all(re.search(r" --[a-z-]+$", text) for text in shown), shown
