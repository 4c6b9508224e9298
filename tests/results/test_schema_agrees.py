"""Our decoder and an independent validator, given the published schema, say the same."""

from __future__ import annotations

import copy
import json
import random
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.results.making import make_result
from vd4rl_data.results import RunResult, format_result
from vd4rl_data.results.decode import decode
from vd4rl_data.results.schema import make_json_schema

jsonschema = pytest.importorskip("jsonschema")

VALUES: list[Any] = [
    None, True, 0, -1, 1, 1.0, 1.5, 1e13, 2**53, 2**60, "", "x", "x\n", "é", "\u202e", "x" * 5000,
    [], [1], [None], ["x"], {}, {"x": 1}, {"name": "x"}, "2024-02-30", "a" * 64, "https://a.b/c",
    "original", "last", "published", [[1]], {"": 1}, {"x": [1, "a"]}, {"x": {}},
]  # fmt: skip


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every container with each of its keys."""
    keys = (
        value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    )
    for key in list(keys):
        yield value, key
        yield from places(value[key])


TEXT = format_result(make_result())
VALIDATOR = jsonschema.Draft202012Validator(make_json_schema())
OUR_WORDS = re.compile(
    r"[^:]+: (?:a name: )?(?:expected .+, got .+|there is no field .+|the field .+ is missing)"
)


def mutated(rng: random.Random) -> Any:
    document = json.loads(TEXT)
    for _ in range(rng.choice((1, 1, 1, 2))):
        container, key = rng.choice(list(places(document)))
        action = rng.random()
        if action < 0.2:
            del container[key]
        elif action < 0.3 and isinstance(container, dict):
            container[rng.choice(["x", "label", "note", "date", "license", "data"])] = rng.choice(
                VALUES
            )
        else:
            container[key] = copy.deepcopy(rng.choice(VALUES))
    return document


@pytest.mark.parametrize("seed", range(8))
def test_both_accept_and_refuse_the_same(seed: int) -> None:
    rng = random.Random(seed)
    accepted = 0
    for _ in range(100):
        document = mutated(rng)
        decoded = decode(document)
        fits = isinstance(decoded, RunResult)
        assert VALIDATOR.is_valid(document) == fits, (decoded, document)
        accepted += fits
        if not fits:
            assert all(OUR_WORDS.fullmatch(problem) for problem in decoded), decoded
    assert 0 < accepted < 100
