"""Evidence that stands twice, and episodes that somebody chose."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from leaderboard.benchmarks import benchmarks
from leaderboard.cells import CHOSEN, protocol_marks
from leaderboard.check import check_file
from leaderboard.copies import find_copies, near_copy_chance
from leaderboard.random_policy import play_randomly
from tests.leaderboard.making import KITCHEN, make_entry
from vd4rl_data.evaluation import ActionTrace, Evaluation, episode_seed
from vd4rl_data.results import (
    Algorithm,
    Data,
    Protocol,
    RunResult,
    make_submission,
    read_result,
    write_result,
)
from vd4rl_data.results.episodes import follows_protocol, protocol_seeds
from vd4rl_data.seeding import EVALUATION_PROTOCOL
from vd4rl_data.simulators.versions import PAIRS

BENCHMARK = "VD4RL/walker_walk-medium-v0"
DATASET = "VD4RL/walker_walk-medium-84px-v0"
PROTOCOL = Protocol(checkpoint="last", online_evaluations=0, hyperparameters_shared="suite")
RNG = np.random.default_rng(0)
ORIGINAL = RNG.normal(450, 60, 10)


def of_runs(runs: dict[int, Sequence[float] | np.ndarray]) -> RunResult:
    data = make_entry(Algorithm(name="Mine"), BENCHMARK, 84, 0.5).data
    return make_submission("Mine", DATASET, runs, PROTOCOL, data=data).result


def problems(result: RunResult, folder: Path) -> list[str]:
    return check_file(write_result(folder / "mine.json", result)).problems


def ten(copy: Callable[[np.ndarray, np.random.Generator], np.ndarray]) -> RunResult:
    """Ten training seeds of which nine are copies of the first."""
    rng = np.random.default_rng(1)
    return of_runs({0: ORIGINAL, **{seed: copy(ORIGINAL, rng) for seed in range(1, 10)}})


COPIES: dict[str, Callable[[np.ndarray, np.random.Generator], np.ndarray]] = {
    "the same": lambda returns, _: returns,
    "another order": lambda returns, rng: rng.permutation(returns),
    "the last digits differ": lambda returns, rng: returns * (1 + 1e-12 * rng.normal(size=10)),
    "a hundredth added": lambda returns, rng: rng.permutation(returns) + rng.normal(0, 0.01, 10),
    "all moved": lambda returns, rng: rng.permutation(returns) + rng.uniform(5, 50),
    "all stretched": lambda returns, rng: returns * rng.uniform(0.8, 1.2),
    "drawn again": lambda returns, rng: rng.choice(returns, 10) + rng.normal(0, 0.01, 10),
    "drawn again, rounded": lambda returns, rng: rng.choice(returns, 10).round(1),
    "much noise": lambda returns, rng: rng.permutation(returns) + rng.normal(0, 1, 10),
    "rounded": lambda returns, rng: rng.permutation(returns).round(1),
}


@pytest.mark.parametrize("name", COPIES)
def test_copies_are_no_training_seeds(name: str, tmp_path: Path) -> None:
    found = problems(ten(COPIES[name]), tmp_path)
    assert any("stand" in problem and "seed" in problem for problem in found), found


def test_half_of_the_episodes_copied(tmp_path: Path) -> None:
    runs = {seed: np.random.default_rng(seed).normal(450, 60, 10) for seed in range(4)}
    runs[3][:5] = runs[0][5:]
    first, *_ = problems(of_runs(dict(runs)), tmp_path)
    assert "5 returns stand more than once" in first


def test_the_runs_of_another_entry(tmp_path: Path, raw_store: Path) -> None:
    path = raw_store / BENCHMARK / "algorithm_001.json"
    stolen = dataclasses.replace(read_result(path), algorithm=Algorithm(name="Thief"))
    for changed in (stolen, _reordered(stolen), _with_noise(stolen)):
        copy = write_result(tmp_path / "mine.json", changed, replace=True)
        found = check_file(copy, store=raw_store).problems
        assert found
        assert all(f"{BENCHMARK}/algorithm_001" in problem for problem in found), found
    assert check_file(path, store=raw_store).ok  # an entry is no copy of itself


def _changed_runs(result: RunResult, change: Callable[[tuple[float, ...]], Any]) -> RunResult:
    (evaluation,) = result.evaluations
    runs = tuple(
        dataclasses.replace(run, returns=tuple(change(run.returns)), curve=())
        for run in evaluation.runs
    )
    return dataclasses.replace(result, evaluations=(dataclasses.replace(evaluation, runs=runs),))


def _reordered(result: RunResult) -> RunResult:
    return _changed_runs(result, lambda returns: returns[::-1])


def _with_noise(result: RunResult) -> RunResult:
    return _changed_runs(result, lambda returns: [value + 1e-5 for value in returns])


# Honest runs resemble each other, too.


def _two_ends(rng: np.random.Generator) -> np.ndarray:
    """A walker that falls in a fifth of its episodes, always to nearly the same return."""
    falls = rng.random(10) < 0.2
    return np.where(falls, rng.normal(14.5, 0.3, 10), rng.normal(985, 2, 10))


HONEST: dict[str, Callable[[np.random.Generator], np.ndarray]] = {
    "normal": lambda rng: rng.normal(450, 60, 10),
    "saturated": lambda rng: 990 - rng.exponential(3, 10),
    "saturated, rounded": lambda rng: (990 - rng.exponential(3, 10)).round(1),
    "two ends": _two_ends,
    "mostly zero": lambda rng: np.where(rng.random(10) < 0.7, 0.0, rng.exponential(5, 10)),
    "over magnitudes": lambda rng: np.exp(rng.normal(0, 2, 10)),
    "four episodes": lambda rng: rng.normal(450, 60, 4),
    "three saturated": lambda rng: 990 - rng.exponential(1, 3),
    "one episode": lambda rng: rng.normal(450, 60, 1),
}


@pytest.mark.parametrize("name", HONEST)
def test_honest_runs_are_no_copies(name: str) -> None:
    """Ten results of ten seeds each: 450 pairs, of one and the same distribution."""
    benchmark = benchmarks()[BENCHMARK]
    for trial in range(10):
        rng = np.random.default_rng(trial)
        result = of_runs({seed: HONEST[name](rng) for seed in range(10)})
        assert list(find_copies(result, benchmark)) == []


def test_the_chance_is_an_upper_bound() -> None:
    """Of 5,000 honest pairs, none may look rarer than one in a million."""
    rng = np.random.default_rng(5)
    least = 1.0
    for _ in range(5_000):
        x, y = np.sort(rng.normal(size=(2, 8)))
        least = min(least, near_copy_chance(x, y))
    assert 1e-6 < least < 1


def test_sparse_rewards_may_coincide() -> None:
    made = make_entry(Algorithm(name="Mine"), BENCHMARK, 84, 0.5)
    returns = {0: [0.0, 1.0, 1.0], 1: [1.0, 0.0, 1.0], 2: [1.0, 1.0, 1.0]}
    result = make_submission("Mine", DATASET, returns, PROTOCOL, data=made.data).result
    assert list(find_copies(result, benchmarks()[KITCHEN])) == []
    various = {seed: [10.0, 20.0, 30.0, 41.0] for seed in range(3)}
    result = make_submission("Mine", DATASET, various, PROTOCOL, data=made.data).result
    assert list(find_copies(result, benchmarks()[KITCHEN]))


# Episodes: whose choice they were.


@pytest.fixture(scope="module")
def played() -> dict[int, Any]:
    """Two short-sighted policies' episodes in the real simulator."""
    simulators = pytest.importorskip("vd4rl_data.simulators")
    pytest.importorskip("dm_control")
    import contextlib

    with contextlib.closing(simulators.Simulation("cheetah_run")) as simulation:
        return {seed: play_randomly(simulation, simulation.task, seed, 1) for seed in range(20, 23)}


def submitted(runs: dict[int, Any], folder: Path, **changes: Any) -> Path:
    protocol = dataclasses.replace(PROTOCOL, **changes)
    made = make_submission(
        "Mine", "VD4RL/cheetah_run-random-64px-v0", runs, protocol, data=Data(origin="none")
    )
    return made.write(folder / "mine.json")


def test_episodes_of_the_protocol_earn_the_badge(played: dict[int, Any], tmp_path: Path) -> None:
    report = check_file(submitted(played, tmp_path))
    assert report.earned, report.problems
    assert report.badges[0] == "replayed"
    assert report.result is not None
    assert protocol_marks(report.result) == ()


def test_chosen_episodes_do_not(played: dict[int, Any], tmp_path: Path) -> None:
    """The same episodes sold under other seeds: the returns are real, the choice is not ours."""
    others = {seed - 10: run for seed, run in played.items()}
    report = check_file(submitted(others, tmp_path))
    assert report.ok
    assert not report.earned
    assert "replayed" not in report.badges
    (note,) = [warning for warning in report.warnings if "episode seeds" in warning]
    assert f"evaluation protocol {EVALUATION_PROTOCOL}, vd4rl_data.evaluate(..., seed=10)" in note
    assert report.result is not None
    assert protocol_marks(report.result) == (CHOSEN,)


def test_returns_of_versions_that_drift_are_neither_proved_nor_refused(
    played: dict[int, Any], tmp_path: Path
) -> None:
    """Unlike those of versions that nobody knows, and unlike actions of another task."""
    path = submitted(played, tmp_path)
    document = json.loads(path.read_text("utf-8"))
    document["evaluations"][0]["runs"][0]["returns"][0] += 1.0
    made = document["compute"]["versions"]
    drifting = next(pair for pair in PAIRS if not pair.same_states)
    made |= {"mujoco": drifting.mujoco, "dm_control": drifting.dm_control}
    path.write_text(json.dumps(document), "utf-8")
    report = check_file(path)
    assert not any("claims" in problem for problem in report.problems)
    assert not report.earned
    assert any(f"made with {drifting}, and played" in note for note in report.warnings)
    made["mujoco"] = "9.9.9"
    path.write_text(json.dumps(document), "utf-8")
    assert any("claims" in problem for problem in check_file(path).problems)


def test_an_older_protocols_episodes_are_not_the_newest_ones(
    played: dict[int, Any], tmp_path: Path
) -> None:
    report = check_file(submitted(played, tmp_path, version=1))
    assert not report.earned


def test_the_same_actions_after_the_same_reset(played: dict[int, Any], tmp_path: Path) -> None:
    (trace,) = played[20].traces
    nearly = ActionTrace(trace.seed, np.clip(trace.actions + np.float32(1e-4), -1, 1))
    copy = Evaluation(played[20].returns + 3.0, np.array([500]), None, (nearly,))
    report = check_file(submitted({**played, 29: copy}, tmp_path))
    assert any("one episode stands twice" in problem for problem in report.problems)


@pytest.mark.parametrize("version", range(1, EVALUATION_PROTOCOL + 1))
def test_versions_of_the_protocol_play_different_episodes(version: int) -> None:
    seeds = protocol_seeds(version, 7, 5)
    assert len(set(seeds)) == 5
    assert all(0 <= seed < 2**32 for seed in seeds)
    newest = tuple(episode_seed(7, i) for i in range(5))
    assert (seeds == newest) == (version == EVALUATION_PROTOCOL)


@pytest.mark.usefixtures("disc")
def test_results_that_were_recorded_under_the_first_version(repository: Path) -> None:
    """They say so, or nothing, and their episodes are that version's."""
    paths = sorted((repository / "docs" / "learning").glob("*.json"))
    assert paths
    for path in paths:
        result = read_result(path)
        runs = [run for evaluation in result.evaluations for run in evaluation.runs]
        assert all(follows_protocol(run, result.protocol.version) for run in runs)
