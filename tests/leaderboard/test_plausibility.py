"""Scores given as returns: caught by what is known of the task, whichever the factor."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import pytest

from leaderboard.benchmarks import benchmarks
from leaderboard.check import Report, check_file
from leaderboard.cli import main
from leaderboard.known import known_in
from leaderboard.plausibility import find_questions
from leaderboard.random_policy import play_randomly
from leaderboard.store import RESULTS, read_store
from tests.leaderboard.making import MAIN, make_entry, media_of
from vd4rl_data.results import (
    Algorithm,
    Data,
    EnvironmentRuns,
    Protocol,
    Run,
    RunResult,
    make_submission,
    write_result,
)

RETURNS = {
    # What published algorithms reach, or more, as means of the seeds of a made-up one.
    "VD4RL/walker_walk-random-v0": 280.0,
    "VD4RL/walker_walk-medium_replay-v0": 500.0,
    "VD4RL/walker_walk-medium-v0": 440.0,
    "VD4RL/walker_walk-medium_expert-v0": 860.0,
    "VD4RL/walker_walk-expert-v0": 910.0,
    "VD4RL/cheetah_run-random-v0": 300.0,
    "VD4RL/cheetah_run-medium_replay-v0": 440.0,
    "VD4RL/cheetah_run-medium-v0": 530.0,
    "VD4RL/cheetah_run-medium_expert-v0": 500.0,
    "VD4RL/cheetah_run-expert-v0": 670.0,
    "VD4RL/humanoid_walk-medium-v0": 90.0,
    "VD4RL/cheetah_run-expert-500k-v0": 800.0,
    "LQVD4RL/walker_walk-medium-v0": 400.0,
    "LOMPO/walker_walk-expert-v0": 900.0,
}


def scaled(benchmark: str, factor: float, **changes: Any) -> RunResult:
    """Raw returns around what is usual, divided."""
    rng = np.random.default_rng(3)
    usual = RETURNS[benchmark]
    runs = {seed: rng.normal(usual, usual / 40, 10) / factor for seed in range(3)}
    data = make_entry(Algorithm(name="Mine"), benchmark, 64, 0.5).data
    protocol = Protocol(checkpoint="last", online_evaluations=0, hyperparameters_shared="suite")
    row = benchmarks()[benchmark]
    dataset = str(row.id.at(row.sizes[-1]))
    made = make_submission("Mine", dataset, runs, protocol, data=data).result
    (evaluated,) = made.evaluations
    shown = dataclasses.replace(evaluated, media=media_of(benchmark))
    return dataclasses.replace(made, evaluations=(shown,), **changes)


def check(result: RunResult, folder: Path) -> Report:
    return check_file(write_result(folder / "mine.json", result))


@pytest.mark.parametrize("benchmark", RETURNS)
@pytest.mark.parametrize("factor", [10.0, 100.0, 1000.0])
def test_scores_are_asked_about(benchmark: str, factor: float, tmp_path: Path) -> None:
    (problem,) = check(scaled(benchmark, factor), tmp_path).problems
    for words in ("mean return is", "Expected undiscounted returns", "from 0 to 1000", "'unusual'"):
        assert words in problem


@pytest.mark.parametrize("benchmark", RETURNS)
def test_returns_are_not(benchmark: str, tmp_path: Path) -> None:
    assert check(scaled(benchmark, 1.0), tmp_path).problems == []


def test_scores_of_what_is_better_than_all_are_asked_about(tmp_path: Path) -> None:
    """Divided by ten, a new best of cheetah's expert data looks like other algorithms' returns."""
    name = "VD4RL/cheetah_run-expert-v0"
    rng = np.random.default_rng(3)
    protocol = Protocol(checkpoint="last", online_evaluations=0, hyperparameters_shared="suite")
    for factor in (10, 100, 1000):
        runs = {seed: rng.normal(830, 60, 10) / factor for seed in range(3)}
        dataset = str(benchmarks()[name].id.at(84))
        made = make_submission("Mine", dataset, runs, protocol, data={"origin": "official"})
        path = write_result(tmp_path / f"{factor}.json", made.result)
        (problem,) = check_file(path).problems
        assert "times 10 it would fit" in problem or f"times {factor} it would fit" in problem


def test_it_is_refused_on_the_command_line_and_says_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_result(tmp_path / "mine.json", scaled("VD4RL/walker_walk-medium-v0", 1000.0))
    store = tmp_path / "results"
    assert main(["add", str(path), "--store", str(RESULTS)]) == 1
    assert "vd4rl_data.evaluate(...).returns" in capsys.readouterr().out
    assert not store.exists()


def test_the_submitters_word_answers_it_and_is_shown(tmp_path: Path) -> None:
    """The remedy that the message names works."""
    word = "The agent stands still; see the video."
    report = check(scaled("VD4RL/walker_walk-medium-v0", 1000.0, unusual=word), tmp_path)
    assert report.ok
    assert any(word in warning for warning in report.warnings)


def test_actions_answer_it(tmp_path: Path) -> None:
    """The other remedy: random actions are far below every algorithm on expert data."""
    simulators = pytest.importorskip("vd4rl_data.simulators")
    pytest.importorskip("dm_control")
    import contextlib

    with contextlib.closing(simulators.Simulation("walker_walk")) as simulation:
        runs = {seed: play_randomly(simulation, simulation.task, seed, 1) for seed in (30, 31, 32)}
    protocol = Protocol(checkpoint="last", online_evaluations=0, hyperparameters_shared="all")
    dataset = "VD4RL/walker_walk-expert-84px-v0"
    made = make_submission("Mine", dataset, runs, protocol, data=Data(origin="none"))
    path = made.write(tmp_path / "mine.json")
    assert check_file(path).ok
    waiting = check_file(path, replay=False)
    assert waiting.ok
    assert any("Its actions were not played" in warning for warning in waiting.warnings)
    bare = {seed: run.returns for seed, run in runs.items()}
    unproven = make_submission("Mine", dataset, bare, protocol, data=Data(origin="none"))
    (problem,) = check_file(unproven.write(tmp_path / "bare.json")).problems
    assert "it would fit" in problem


def test_worse_than_random_actions_is_asked_about(tmp_path: Path) -> None:
    floor = known_in(RESULTS).floors["walker_walk"]
    assert 30 < floor < 55
    (problem,) = check(scaled("VD4RL/walker_walk-random-v0", 10.0), tmp_path).problems
    assert f"uniformly random actions get {floor:.4g}" in problem


def test_every_task_that_is_simulated_has_its_floor() -> None:
    floors = known_in(RESULTS).floors
    assert set(floors) == {benchmarks()[name].id.task for name in MAIN}


def test_most_of_what_papers_printed_would_not_be_asked_about() -> None:
    """Every printed return, as raw returns that nobody can prove: who fails is asked, few else."""
    known = known_in(RESULTS)
    asked, total = 0, 0
    for entry in read_store():
        row = benchmarks()[entry.result.benchmark]
        place = entry.path.relative_to(RESULTS)
        value = known.returns.get((entry.result.benchmark, "original"), {}).get(place)
        if value is not None and row.metric == "return" and value > 0:
            runs = (Run(seed=0, returns=(value,)),)
            evaluation = EnvironmentRuns(environment="original", runs=runs)
            raw = dataclasses.replace(entry.result, evaluations=(evaluation,), published=())
            questions = list(find_questions(raw, row, known, place))
            assert len(questions) <= 1
            asked += len(questions)
            total += 1
    assert total > 200
    assert asked / total < 0.25


def test_the_reference_of_an_entry_is_never_itself(tmp_path: Path) -> None:
    """What once slipped in does not vouch for itself when the store is checked."""
    result = scaled("VD4RL/walker_walk-medium-v0", 1000.0)
    store = tmp_path / "results"
    for entry in read_store():
        if entry.result.benchmark == result.benchmark:
            path = store / entry.path.relative_to(RESULTS)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(entry.path.read_bytes())
    inside = write_result(store / "VD4RL/walker_walk-medium-v0/mine.json", result)
    assert not check_file(inside, store=store).ok
    assert fmean(result.evaluations[0].runs[0].returns) < 1
