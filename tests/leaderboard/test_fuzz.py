"""Mutated submissions: none crashes the checker, and none that is invalid passes."""

from __future__ import annotations

import copy
import json
import random
from pathlib import Path
from typing import Any

import pytest

from leaderboard.benchmarks import benchmarks
from leaderboard.check import check_file
from tests.leaderboard.making import make_entry
from vd4rl_data.results import Algorithm, format_result
from vd4rl_data.results.schema import make_json_schema

jsonschema = pytest.importorskip("jsonschema")

MUTATIONS = 500
BYTES = format_result(make_entry(Algorithm(name="Mine"), "VD4RL/walker_walk-medium-v0", 84, 0.5))
JUNK: list[Any] = [
    None, True, -1, 0, 1e308, 2**70, "", "<script>alert(1)</script>", "../../etc/passwd",
    "x" * 9999, [], {}, [[[[[[[[[[[[[[1]]]]]]]]]]]]]], {"a": {"b": {"c": 1}}}, float("nan"),
    float("inf"), "\u0000", "\ud800", "=1+1", "original", 1001.0,
]  # fmt: skip


def places(value: Any) -> list[tuple[Any, Any]]:
    keys = (
        value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    )
    return [(value, key) for key in keys] + [p for key in keys for p in places(value[key])]


def of_structure(rng: random.Random) -> bytes:
    document = json.loads(BYTES)
    for _ in range(rng.randint(1, 3)):
        container, key = rng.choice(places(document))
        match rng.randrange(4):
            case 0:
                del container[key]
            case 1 if isinstance(container, list):
                container.extend(copy.deepcopy(container[key]) for _ in range(rng.choice((1, 50))))
            case 2 if isinstance(container, dict):
                container[rng.choice([f"{key}x", "", "__proto__", key.upper()])] = rng.choice(JUNK)
            case _:
                container[key] = copy.deepcopy(rng.choice(JUNK))
    return json.dumps(document).encode()


def of_bytes(rng: random.Random) -> bytes:
    data = bytearray(BYTES)
    for _ in range(rng.randint(1, 8)):
        at = rng.randrange(len(data))
        match rng.randrange(4):
            case 0:
                data[at] = rng.randrange(256)
            case 1:
                del data[at : at + rng.randint(1, 40)]
            case 2:
                data[at:at] = data[: rng.randint(1, 200)]
            case _:
                data[at:at] = rng.choice([b'"', b"{", b"[" * 500, b"9" * 400, b"\xff", b",", b"\\"])
    return bytes(data)


VALIDATOR = jsonschema.Draft202012Validator(make_json_schema())


def must_be_refused(data: bytes) -> bool:
    """An independent, incomplete view of what is invalid: the schema, and simple facts."""
    try:
        document = json.loads(data, parse_constant=lambda name: 1 / 0)
    except (ValueError, ZeroDivisionError, RecursionError):
        return True
    if not VALIDATOR.is_valid(document):
        return True
    evaluations = document.get("evaluations", [])
    runs = [run for one in evaluations for run in one["runs"]]
    seeds = [run["seed"] for run in runs]
    return (
        document["benchmark"] not in benchmarks()
        or len(evaluations) != 1
        or len(set(seeds)) != len(seeds)
        or len(seeds) < 3
        or any(not 0 <= value <= 1000.01 for run in runs for value in run["returns"])
        or document["protocol"].get("seeds") != len(runs)
        or any(document["protocol"].get("episodes") != len(run["returns"]) for run in runs)
    )


def test_no_mutation_crashes_and_nothing_invalid_passes(tmp_path: Path) -> None:
    rng = random.Random(20240101)
    path = tmp_path / "mutated.json"
    passed = 0
    for i in range(MUTATIONS):
        data = of_structure(rng) if i % 2 else of_bytes(rng)
        path.write_bytes(data)
        report = check_file(path)
        assert report.ok == (not report.problems)
        if report.ok:
            passed += 1
            assert not must_be_refused(data), data
    assert 0 < passed < MUTATIONS // 2
