"""The checker: what it finds, what it refuses, what earns a badge."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from leaderboard.check import check_file
from leaderboard.store import place_of, slug
from tests.leaderboard.documents import BASE, BENCHMARK, runs, too_good, without_curves, write
from tests.leaderboard.making import make_entry
from vd4rl_data.results import (
    Algorithm,
)
from vd4rl_data.results.text import MAX_BYTES
from vd4rl_data.seeding import EVALUATION_PROTOCOL


def constant(document: dict[str, Any]) -> None:
    for run in without_curves(document):
        run["returns"] = [500.0] * len(run["returns"])


def duplicated(document: dict[str, Any]) -> None:
    made = without_curves(document)
    made[1]["returns"] = list(made[0]["returns"])


def negative(document: dict[str, Any]) -> None:
    without_curves(document)[0]["returns"][0] = -1.0


def two_seeds(document: dict[str, Any]) -> None:
    del runs(document)[2:]
    document["protocol"]["seeds"] = 2


REFUSED: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "unregistered": (lambda d: d.update(benchmark="VD4RL/walker_walk-demos-v0"), "not registered"),
    "other version": (lambda d: d.update(benchmark="VD4RL/walker_walk-medium-v7"), "registered"),
    "path": (lambda d: d.update(benchmark="VD4RL/../../../etc-medium-v0"), "not a benchmark"),
    "protocol": (
        lambda d: d["protocol"].update(version=EVALUATION_PROTOCOL + 1),
        "protocol.version",
    ),
    "schema": (lambda d: d.update(schema_version=2), "schema_version"),
    "environment": (
        lambda d: d["evaluations"][0].update(environment="rgb_video"),
        "does not belong",
    ),
    "constant": (constant, "every return of every seed"),
    "duplicated": (duplicated, "the very same returns"),
    "too good": (too_good, "out of the task's bounds"),
    "negative": (negative, "out of the task's bounds"),
    "two seeds": (two_seeds, "3 training seeds or more"),
    "curve out of bounds": (lambda d: runs(d)[0]["curve"][0].update(mean_return=5000), "bounds"),
    "normalized submitted": (lambda d: d.update(normalized_score=0.9), "no field"),
    "infinite": (lambda d: runs(d)[0]["returns"].__setitem__(0, float("inf")), "Infinity"),
    "not a number": (lambda d: runs(d)[0]["returns"].__setitem__(0, float("nan")), "NaN"),
}


def test_the_unchanged_document_passes(tmp_path: Path) -> None:
    report = check_file(write(tmp_path, BASE))
    assert report.ok, report.problems
    assert report.badges == ("submitted", "5+ seeds", "no online tuning", "one setting")


@pytest.mark.parametrize("name", REFUSED)
def test_refused_with_a_reason(tmp_path: Path, name: str) -> None:
    change, words = REFUSED[name]
    document = copy.deepcopy(BASE)
    change(document)
    report = check_file(write(tmp_path, document))
    assert not report.ok
    assert report.badges == ()
    assert any(words in problem for problem in report.problems), report.problems


def test_a_policy_that_never_moves_is_possible(tmp_path: Path) -> None:
    document = copy.deepcopy(BASE)
    for run in without_curves(document):
        run["returns"] = [0.0] * len(run["returns"])
    assert check_file(write(tmp_path, document)).ok


def test_notes_do_not_refuse(tmp_path: Path) -> None:
    document = copy.deepcopy(BASE)
    del document["hyperparameters"]
    del document["data"]
    report = check_file(write(tmp_path, document))
    assert report.ok
    for words in (
        "content hash is missing",
        "data not stated",
        "algorithm.code",
        "hyperparameters",
    ):
        assert sum(words in warning for warning in report.warnings) == 1


@pytest.mark.parametrize(
    ("name", "text"),
    {
        "empty": "",
        "huge": " " * (MAX_BYTES + 1),
        "deep": "[" * 200_000,
        "duplicate": json.dumps(BASE).replace('"kind"', '"kind": "submitted", "kind"', 1),
        "a list": "[]",
        "null": "null",
        "a string": '"x"',
    }.items(),
)
def test_hostile_files_are_refused(tmp_path: Path, name: str, text: str) -> None:
    report = check_file(write(tmp_path, text, f"{name}.json"))
    assert not report.ok
    assert report.problems


def test_links_and_folders_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "link.json").symlink_to("/etc/passwd")
    (tmp_path / "folder.json").mkdir()
    for name in ("link.json", "folder.json"):
        assert "regular file" in check_file(tmp_path / name).problems[0]


def test_a_name_is_never_a_path(tmp_path: Path) -> None:
    for name in ("../../evil", "/etc/passwd", "..\\x", "a/b", "CON", ".", "%2e%2e", "日本"):
        result = make_entry(Algorithm(name=name, label="../x"), BENCHMARK, 84, 0.4)
        place = place_of(result)
        assert place.parts[:2] == ("VD4RL", "walker_walk-medium-v0")
        assert len(place.parts) == 3
        assert set(place.name) <= set("abcdefghijklmnopqrstuvwxyz0123456789_-.")
        assert not place.name.startswith(".")


def test_slugs_are_words() -> None:
    assert slug("DrQ+BC") == "drq_plus_bc"
    assert slug("Über-Agent's 2nd") == "uber_agents_2nd"
