"""A submission as a file says it, to be changed and written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.leaderboard.making import make_entry
from vd4rl_data.results import Algorithm, format_result

BENCHMARK = "VD4RL/walker_walk-medium-v0"
BASE: dict[str, Any] = json.loads(
    format_result(make_entry(Algorithm(name="Mine"), BENCHMARK, 84, 0.5))
)


def write(tmp_path: Path, document: Any, name: str = "mine.json") -> Path:
    path = tmp_path / name
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return path


def runs(document: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = document["evaluations"][0]["runs"]
    return found


def without_curves(document: dict[str, Any]) -> list[dict[str, Any]]:
    for run in runs(document):
        run.pop("curve")
    return runs(document)


def too_good(document: dict[str, Any]) -> None:
    without_curves(document)[0]["returns"][0] = 1000.5
