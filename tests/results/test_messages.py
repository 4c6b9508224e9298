"""What does not fit is told with its place, what was expected and what was there."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from tests.results.making import make_result
from vd4rl_data.errors import InvalidResultError
from vd4rl_data.results import format_result, parse_result
from vd4rl_data.results.decode import decode

BASE: dict[str, Any] = json.loads(format_result(make_result()))
RUN = ("evaluations", 0, "runs", 1)
LINE = "characters, visible characters on one line"
REAL = "a number from -1e+12 to 1e+12"
CHANGES: dict[str, tuple[tuple[str | int, ...], Any, str]] = {
    "text for a number": (
        (*RUN, "seed"), "1",
        "evaluations[0].runs[1].seed: expected a whole number from 0 to 9.0072e+15, got '1'",
    ),
    "half": ((*RUN, "seed"), 1.5, "seed: expected a whole number from 0 to 9.0072e+15, got 1.5"),
    "true": (("image_size",), True, "image_size: expected a whole number from 1 to 4096, got True"),
    "too large": ((*RUN, "returns", 2), 2e12, f"returns[2]: expected {REAL}, got 2000000000000.0"),
    "null": ((*RUN, "returns", 2), None, f"runs[1].returns[2]: expected {REAL}, got null"),
    "object for a list": (
        (*RUN, "returns"), {"a": 1}, "returns: expected a list, got an object of 1",
    ),
    "text for a list": ((*RUN, "returns"), "ab", "returns: expected a list, got 'ab'"),
    "list for an object": (("protocol",), [1], "protocol: expected an object, got a list of 1"),
    "no items": ((*RUN, "returns"), [], "returns: expected 1 to 1000 items, got a list of 0"),
    "many items": (
        ("evaluations",), [{}] * 30, "evaluations: expected 0 to 20 items, got a list of 30",
    ),
    "one of some": (
        ("kind",), "mine", "kind: expected 'published', 'reproduced' or 'submitted', got 'mine'",
    ),
    "long text": (
        ("algorithm", "name"), "x" * 300,
        f"name: expected a string of 1 to 200 {LINE}, got '{'x' * 59}... of 300 characters",
    ),
    "pattern": (
        ("algorithm", "commit"), "XYZXYZXYZ",
        "expected a string of 7 to 64 characters, lower-case hexadecimal digits, got 'XYZXYZXYZ'",
    ),
    "setting": (
        ("hyperparameters", "a b"), {},
        "hyperparameters.'a b': expected a string of up to 500 visible characters on one line, a"
        " number up to 9.0072e+15, true, false, null, or a list of up to 64 of these, got an object"
        " of 0",
    ),
    "name": (
        ("hyperparameters", "\u200b"), 1,
        f"hyperparameters: a name: expected a string of 1 to 80 {LINE}, got '\\u200b'",
    ),
    "unknown": (
        (*RUN, "sed\u0430"), 1, "evaluations[0].runs[1]: there is no field 'sed\\u0430'",
    ),
    "unknown at the top": (("x",), 1, "the file: there is no field 'x'"),
    "point": (
        (*RUN, "curve", 0), {"step": 1}, "runs[1].curve[0]: the field 'mean_return' is missing",
    ),
}  # fmt: skip


def changed(place: tuple[str | int, ...], value: Any) -> Any:
    document: Any = copy.deepcopy(BASE)
    container = document
    for step in place[:-1]:
        container = container[step]
    container[place[-1]] = value
    return document


@pytest.mark.parametrize("name", CHANGES)
def test_a_wrong_field_is_told_in_one_line(name: str) -> None:
    place, value, words = CHANGES[name]
    with pytest.raises(InvalidResultError) as caught:
        parse_result(json.dumps(changed(place, value)).encode(), "mine.json")
    (problem,) = caught.value.problems
    assert problem.endswith(words)


def test_what_is_no_object_is_told() -> None:
    with pytest.raises(InvalidResultError, match="the file: expected an object, got 3"):
        parse_result(b"3")


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ((*RUN, "returns"), [""] * 1000),
        ((*RUN, "curve"), [3] * 10_000),
        (("evaluations", 0, "runs"), [3] * 100),
        (("evaluations",), [{}] * 1_000_000),
    ],
)
def test_wrong_items_of_a_list_cost_one_problem_each_list(
    place: tuple[str | int, ...], value: Any
) -> None:
    """Or a small file would take gigabytes to refuse."""
    problems = decode(changed(place, value))
    assert isinstance(problems, tuple)
    assert len(problems) == 1


def test_problems_are_at_most_fifty() -> None:
    problems = decode({**BASE, **{f"x{i}": 1 for i in range(900)}})
    assert isinstance(problems, tuple)
    assert (len(problems), problems[-1]) == (51, "and more")
