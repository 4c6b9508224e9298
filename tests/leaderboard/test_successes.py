"""Successes, from an evaluation through its submission and the check to the page."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import vd4rl_data
from leaderboard.adding import put_entry
from leaderboard.benchmarks import benchmarks
from leaderboard.check import check_file
from leaderboard.replay import replay_traces
from leaderboard.site import build_site
from tests.baselines import blob
from vd4rl_data.envs import make_env
from vd4rl_data.evaluation import Evaluation
from vd4rl_data.ids import benchmark_of
from vd4rl_data.registry import BENCHMARKS
from vd4rl_data.results import Protocol, make_submission
from vd4rl_data.results.traces import traces_path
from vd4rl_data.spec import SuccessScore
from vd4rl_data.suite import Benchmark

SCORED = [name for name, row in benchmarks().items() if isinstance(row.score, SuccessScore)]
SHOWN = ["MetaWorld/door_open-scripted-v0", "Kitchen/microwave_kettle_light_slide-demos-v0"]
PROTOCOL = Protocol(checkpoint="last", online_evaluations=0, hyperparameters_shared="suite")


def evaluated(row: Benchmark, seed: int) -> Evaluation:
    """Half of the episodes are solved at some time, a quarter are still so at the end."""
    low, high = row.return_range
    returns = np.random.default_rng(seed).uniform(low, high, 4)
    ever, last = np.array([[True, True, False, False], [True, False, False, False]])
    return Evaluation(returns, np.full(4, 10), ever, (), final_successes=last)


def test_every_suite_that_counts_successes_is_shown() -> None:
    assert {name.partition("/")[0] for name in SHOWN} == {n.partition("/")[0] for n in SCORED}
    assert {score.when for name in SHOWN if (score := _score(name))} == {"ever", "last"}


def _score(name: str) -> SuccessScore:
    score = benchmarks()[name].score
    assert isinstance(score, SuccessScore)
    return score


@pytest.mark.parametrize("name", SHOWN)
def test_what_an_evaluation_tells_is_what_the_page_shows(name: str, tmp_path: Path) -> None:
    row = benchmarks()[name]
    runs = {seed: evaluated(row, seed) for seed in range(5)}
    made = make_submission(
        "Mine", str(row.id.at(row.sizes[0])), runs, PROTOCOL, data={"origin": "official"}
    )
    report = check_file(made.write(tmp_path / "mine.json"), store=tmp_path / "none")
    assert report.ok, report.problems
    put_entry(report, tmp_path / "store")
    site = build_site(tmp_path / "store", tmp_path / "site")
    page: dict[str, Any] = json.loads((site.folder / "leaderboard.json").read_text("utf-8"))
    cells = [
        cell["value"]
        for table in page["tables"]
        for shown in table["rows"]
        for cell in shown["cells"]
        if cell is not None
    ]
    assert cells == [50.0 if _score(name).when == "ever" else 25.0]


class Solver:
    """A policy that solves the miniature task."""

    wants_state = True

    def __call__(self, observations: np.ndarray, states: np.ndarray) -> np.ndarray:
        return np.clip(-2.5 * states, -1, 1)


@pytest.mark.parametrize("when", ["ever", "last"])
def test_claimed_successes_are_played_again(
    when: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rule, own = SuccessScore("a test", when=when), benchmark_of(blob.SPEC.id)
    row = dataclasses.replace(
        benchmarks()[SHOWN[0]], id=own, score=rule, task=blob.TASK, sizes=(blob.SPEC.id.size,)
    )
    monkeypatch.setitem(BENCHMARKS, str(own), row)
    env = make_env(blob.TASK, blob.SIZE)
    runs = {seed: vd4rl_data.evaluate(Solver(), env, 1, seed=seed) for seed in range(3)}
    made = make_submission("Mine", blob.SPEC.name, runs, PROTOCOL)
    path = made.write(tmp_path / "mine.json")
    actions = traces_path(path).read_bytes()
    (evaluation,) = made.result.evaluations
    assert [run.successes for run in evaluation.runs] == [(1.0,)] * 3
    assert replay_traces(made.result, actions).differences == ()
    claims = {seed: [0.0] for seed in runs}
    false = make_submission("Mine", blob.SPEC.name, runs, PROTOCOL, successes=claims).result
    outcome = replay_traces(false, actions)
    assert not outcome.reproduced
    assert "seed 0, episode 0: claims success 0, its actions give 1" in outcome.differences[0]
