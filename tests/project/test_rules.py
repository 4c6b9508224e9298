"""Rules of the house that no linter knows: who may import what, who may know whom by name."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.slow import SLOW
from vd4rl_data.formats import known_formats
from vd4rl_data.registry import SUITES, TASKS
from vd4rl_data.simulators import SIMULATORS
from vd4rl_data.suites import register_all

register_all()
ROOT = Path(__file__).parents[2]
ROOMS = ("vd4rl_data", "collection", "baselines", "leaderboard")
FILES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))
_DMC = ("vd4rl_data/simulators/dmc.py", "vd4rl_data/simulators/looks/")
_OWN = ("vd4rl_data/suites/", "vd4rl_data/simulators/")
_LONGEST = 350
_TEXT_METHODS = ("startswith", "endswith", "removeprefix", "removesuffix", "partition", "index")


def place_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imported(tree: ast.AST) -> Iterator[str]:
    """Modules that a file imports, wherever in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def compared(tree: ast.AST) -> Iterator[str]:
    """Text that a file compares something with, or asks whether something starts with."""
    for node in ast.walk(tree):
        inside: list[ast.AST] = []
        if isinstance(node, ast.Compare):
            inside = [node.left, *node.comparators]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if node.func.attr in ("startswith", "endswith", "removeprefix"):
                inside = list(node.args)
        elif isinstance(node, ast.MatchValue):
            inside = [node.value]
        for part in inside:
            for leaf in ast.walk(part):
                if isinstance(leaf, ast.Constant) and isinstance(leaf.value, str):
                    yield leaf.value.rstrip("/")


def asked_of_names(tree: ast.AST) -> Iterator[str]:
    """Text that a file looks for inside of other text, or at its start or end."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.In | ast.NotIn):
            asked: list[ast.expr] = [node.left]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            asked = node.args if node.func.attr in _TEXT_METHODS else []
        else:
            continue
        for part in asked:
            for leaf in ast.walk(part):
                if isinstance(leaf, ast.Constant) and isinstance(leaf.value, str):
                    yield leaf.value.strip("_-")


@pytest.fixture(scope="module")
def trees() -> dict[str, ast.AST]:
    return {place_of(path): ast.parse(path.read_text(encoding="utf-8")) for path in FILES}


def test_only_its_own_simulator_and_looks_import_dm_control(trees: dict[str, ast.AST]) -> None:
    importers = [
        place
        for place, tree in trees.items()
        if any(name.partition(".")[0] == "dm_control" for name in imported(tree))
    ]
    assert [place for place in importers if not place.startswith(_DMC)] == []


def test_nobody_asks_for_a_suite_or_a_simulator_by_name(trees: dict[str, ast.AST]) -> None:
    names = {*SUITES, *SIMULATORS}
    asked = {
        place: sorted(names & set(compared(tree)))
        for place, tree in trees.items()
        if not place.startswith(_OWN)
    }
    assert {place: found for place, found in asked.items() if found} == {}


def test_nobody_asks_for_a_format_by_name_or_suffix(trees: dict[str, ast.AST]) -> None:
    names = {word for each in known_formats() for word in (each.name, *each.suffixes)}
    assert {".npz", "vd4rl-hdf5"} <= names
    asked = {
        place: sorted(names & set(compared(tree)))
        for place, tree in trees.items()
        if not place.startswith("vd4rl_data/formats/vd4rl_")
    }
    assert {place: found for place, found in asked.items() if found} == {}


def test_no_test_asks_what_task_it_has_by_a_part_of_its_name() -> None:
    """A test that treats a task in its own way asks the task's row why."""
    words = {*TASKS, *(t.settings.domain for t in TASKS.values() if t.simulator == "dmc")}
    assert {"walker", "hopper_hop"} <= words
    asked = {
        place_of(path): sorted(words & set(asked_of_names(ast.parse(path.read_text("utf-8")))))
        for path in (ROOT / "tests").rglob("*.py")
    }
    assert {place: found for place, found in asked.items() if found} == {}


def test_files_stay_small() -> None:
    long = {
        place_of(path): lines
        for path in FILES
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > _LONGEST
    }
    assert long == {}


def test_slow_tests_are_where_they_are_said_to_be() -> None:
    for place, names in SLOW.items():
        tree = ast.parse((ROOT / "tests" / place).read_text(encoding="utf-8"))
        found = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        assert {name.split("[")[0] for name in names} <= found, place
