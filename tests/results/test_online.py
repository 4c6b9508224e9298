"""Offline, then online: the curve by environment step, from the offline point to the budget."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.results.making import ID as WALKER
from tests.results.making import PROTOCOL, make_result
from tests.results.online import EPISODES, ID, STEPS, online_result
from vd4rl_data.errors import InvalidResultError
from vd4rl_data.evaluation import ActionTrace, Evaluation
from vd4rl_data.results import format_result, make_submission, parse_result

Document = dict[str, Any]
BASE: Document = json.loads(format_result(online_result()))


def test_a_result_is_read_back_as_it_was() -> None:
    made = online_result()
    assert parse_result(format_result(made)) == made
    for run in made.evaluations[0].runs:
        assert tuple(point.environment_steps for point in run.online_curve) == STEPS
        assert run.successes is not None
        assert run.online_curve[-1].success == np.mean(run.successes)
        assert run.curve[-1].mean_return == run.online_curve[0].mean_return


def run_of(document: Document, number: int = 0) -> Document:
    run: Document = document["evaluations"][0]["runs"][number]
    return run


def points_of(document: Document, number: int = 0) -> list[Document]:
    points: list[Document] = run_of(document, number)["online_curve"]
    return points


CHANGES: dict[str, tuple[Callable[[Document], Any], str]] = {
    "no budget": (lambda d: d["protocol"].pop("environment_steps"), "needs the budget"),
    "other budget": (
        lambda d: d["protocol"].update(environment_steps=20_000),
        "ends at 10000 environment_steps, but protocol.environment_steps says 20000",
    ),
    "no curve": (lambda d: run_of(d).pop("online_curve"), "at least, got 0"),
    "one point": (lambda d: points_of(d).__delitem__(slice(1, None)), "at least, got 1"),
    "no offline point": (lambda d: points_of(d).pop(0), "the offline point first, at 0"),
    "backwards": (lambda d: points_of(d).reverse(), "must increase"),
    "twice": (lambda d: points_of(d).insert(1, dict(points_of(d)[1])), "must increase"),
    "other grid": (
        lambda d: points_of(d, 1)[1].update(environment_steps=2500),
        "at the same environment_steps for every seed",
    ),
    "other end": (
        lambda d: points_of(d)[-1].update(mean_return=99.0),
        "online_curve: ends at 99, but the mean of the final returns",
    ),
    "other success": (
        lambda d: points_of(d)[-1].update(success=0.001),
        "ends at success 0.001, but the mean of the final successes",
    ),
    "some success": (
        lambda d: points_of(d)[1].pop("success"),
        "success must be given in every point",
    ),
    "no successes": (lambda d: run_of(d).pop("successes"), "success must be given in every point"),
    "above one": (lambda d: points_of(d)[1].update(success=1.5), "from 0 to 1"),
    "negative": (lambda d: points_of(d)[0].update(environment_steps=-1), "from 0 to"),
    "another offline end": (
        lambda d: run_of(d)["curve"][-1].update(mean_return=1.25),
        "the offline point of the online curve",
    ),
    "offline track": (
        lambda d: d["protocol"].pop("track"),
        "online_curve: track 'offline' has none",
    ),
    "offline budget": (
        lambda d: [
            d["protocol"].pop("track"),
            [run_of(d, i).pop("online_curve") for i in range(3)],
        ],
        "environment_steps: track 'offline' takes none",
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_contradictions_are_found(name: str) -> None:
    change, message = CHANGES[name]
    document = copy.deepcopy(BASE)
    change(document)
    with pytest.raises(InvalidResultError) as caught:
        parse_result(json.dumps(document).encode())
    assert message in str(caught.value)


def test_offline_results_are_as_before() -> None:
    assert b"online_curve" not in format_result(make_result())
    assert b"environment_steps" not in format_result(make_result())


@pytest.mark.parametrize(
    ("dataset", "expected"),
    [(ID, "ever"), ("Kitchen/microwave_kettle_light_slide-demos-64px-v0", "last"), (WALKER, None)],
)
def test_evaluations_tell_the_success_that_the_benchmark_counts(
    dataset: str, expected: str | None
) -> None:
    ever = np.array([True] * EPISODES)
    last = np.arange(EPISODES) % 2 == 0
    traces = tuple(ActionTrace(i, np.full((3, 4), i / 9, np.float32)) for i in range(EPISODES))
    lengths = np.full(EPISODES, 3)
    returns = np.arange(EPISODES, dtype=np.float64)
    evaluation = Evaluation(returns, lengths, ever, traces, final_successes=last)
    made = make_submission("Mine", dataset, {0: evaluation}, PROTOCOL)
    wanted = {"ever": tuple(map(float, ever)), "last": tuple(map(float, last)), None: None}
    assert made.result.evaluations[0].runs[0].successes == wanted[expected]
