"""Contradictions inside one result."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.results.making import make_result
from vd4rl_data.errors import InvalidResultError
from vd4rl_data.results import format_result, parse_result

Document = dict[str, Any]
BASE: Document = json.loads(format_result(make_result()))
PUBLISHED: Document = {
    "schema": "vd4rl-result",
    "schema_version": 1,
    "algorithm": {"name": "DrQ+BC"},
    "benchmark": "VD4RL/walker_walk-medium-v0",
    "image_size": 84,
    "kind": "published",
    "protocol": {
        "checkpoint": "unstated",
        "online_evaluations": None,
        "hyperparameters_shared": "unstated",
    },
    "published": [
        {
            "environment": "original",
            "mean": 46.8,
            "spread": 2.3,
            "spread_kind": "std_over_seeds",
            "scale": "return/10",
            "seeds": 6,
            "source": {"paper": "A paper", "table": "Table 1"},
        }
    ],
}


def run_of(document: Document, i: int = 0) -> Document:
    run: Document = document["evaluations"][0]["runs"][i]
    return run


def put(*path: str | int) -> Callable[[Any], Callable[[Document], None]]:
    def to(value: Any) -> Callable[[Document], None]:
        def change(document: Document) -> None:
            place: Any = document
            for step in path[:-1]:
                place = place[step]
            if value is None:
                del place[path[-1]]
            else:
                place[path[-1]] = value

        return change

    return to


CHANGES: dict[str, tuple[Document, Callable[[Document], None], str]] = {
    "benchmark with a size": (BASE, put("benchmark")("VD4RL/walker_walk-medium-64px-v0"), "size"),
    "benchmark unversioned": (BASE, put("benchmark")("VD4RL/walker_walk-medium"), "version"),
    "benchmark a path": (BASE, put("benchmark")("../../etc/passwd-v0"), "not a benchmark"),
    "both kinds": (BASE, put("published")(PUBLISHED["published"]), "not both"),
    "neither": (BASE, put("evaluations")(None), "expected either"),
    "claims published": (BASE, put("kind")("published"), "kind"),
    "raw without size": (BASE, lambda d: d.update(image_size=None), "image_size"),
    "seeds differ": (BASE, put("protocol", "seeds")(4), "protocol.seeds says 4"),
    "episodes differ": (BASE, put("protocol", "episodes")(5), "protocol.episodes says 5"),
    "no episodes": (BASE, put("protocol", "episodes")(None), "protocol.episodes"),
    "tuning unstated": (
        BASE,
        lambda d: d["protocol"].update(online_evaluations=None),
        "online_evaluations",
    ),
    "checkpoint unstated": (BASE, put("protocol", "checkpoint")("unstated"), "for papers"),
    "best online, untuned": (BASE, put("protocol", "checkpoint")("best_online"), "chosen online"),
    "seed twice": (BASE, lambda d: run_of(d, 1).update(seed=0), "not distinct"),
    "environment twice": (
        BASE,
        lambda d: d["evaluations"].append(copy.deepcopy(d["evaluations"][0])),
        "may appear only once",
    ),
    "successes short": (BASE, lambda d: run_of(d).update(successes=[1.0]), "one per return"),
    "lengths alone": (BASE, lambda d: run_of(d).update(lengths=[1, 1, 1, 1]), "come together"),
    "lengths without traces": (
        BASE,
        lambda d: run_of(d).update(lengths=[1, 1, 1, 1], episode_seeds=[1, 2, 3, 4]),
        "are of no use",
    ),
    "traces without lengths": (
        BASE,
        put("traces")({"sha256": "0" * 64, "action_size": 6}),
        "no run states",
    ),
    "curve ends elsewhere": (
        BASE,
        lambda d: run_of(d)["curve"][-1].update(mean_return=1.0),
        "mean of the final returns",
    ),
    "curve goes back": (BASE, lambda d: run_of(d)["curve"].reverse(), "must increase"),
    "curve too long": (BASE, put("protocol", "train_steps")(150), "goes on after"),
    "spread of no kind": (PUBLISHED, put("published", 0, "spread_kind")(None), "come together"),
    "published with compute": (PUBLISHED, put("compute")({"hardware": "GPU"}), "nothing of the"),
}


@pytest.mark.parametrize("document", [BASE, PUBLISHED], ids=["raw", "published"])
def test_the_unchanged_documents_are_valid(document: Document) -> None:
    parse_result(json.dumps(document).encode())


@pytest.mark.parametrize("name", CHANGES)
def test_a_contradiction_is_found(name: str) -> None:
    base, change, words = CHANGES[name]
    document = copy.deepcopy(base)
    change(document)
    with pytest.raises(InvalidResultError, match=words):
        parse_result(json.dumps(document).encode(), "a file")
