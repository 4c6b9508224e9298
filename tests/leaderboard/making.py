"""A store of made-up results, as large as wanted."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import hashlib
import importlib.util
import json
import shutil
import tempfile
from pathlib import Path

import numpy as np

from leaderboard.adding import put_entry
from leaderboard.benchmarks import benchmarks
from leaderboard.check import check_file
from leaderboard.random_policy import play_randomly
from leaderboard.reproduced import list_path
from leaderboard.store import RESULTS
from vd4rl_data.results import (
    Algorithm,
    Data,
    EnvironmentRuns,
    Protocol,
    PublishedNumber,
    Run,
    RunResult,
    Source,
    format_result,
    make_submission,
    write_result,
)
from vd4rl_data.simulators import Simulation

MAIN = tuple(
    name for name, row in benchmarks().items() if row.id.suite == "VD4RL" and row.id.variant is None
)
KITCHEN = "Kitchen/microwave_kettle_light_slide-demos-v0"
SEEDS = 5
MANY_JOINTS = 12
STEPS = (1000, 2000, 3000, 4000, 5000, 6000, 7000, 8000)


def make_entry(algorithm: Algorithm, benchmark: str, size: int, skill: float) -> RunResult:
    """Raw returns and curves of five seeds; better with more skill, and worse with many joints."""
    runs = _returns(benchmark, size, skill)
    protocol = Protocol(
        checkpoint="last",
        online_evaluations=0,
        hyperparameters_shared="suite",
        train_steps=STEPS[-1],
        frame_stack=3,
    )
    return make_submission(
        algorithm,
        str(benchmarks()[benchmark].id.at(size)),
        runs,
        protocol,
        curves={seed: _curve(returns) for seed, returns in runs.items()},
        hyperparameters={"learning_rate": 1e-4, "batch_size": 256, "encoder": "cnn"},
        data=Data(origin="official", content_sha256=content_hash(benchmark, size)),
        hardware="one GPU",
        submitter="somebody",
        date="2026-01-02",
    ).result


def content_hash(benchmark: str, size: int) -> str:
    """Of made-up data: one per dataset."""
    return hashlib.sha256(f"{benchmark} {size}".encode()).hexdigest()


def make_store(folder: Path, entries: int) -> Path:
    """A store of this many entries: algorithms, each on all main datasets, 64 and 84 px in turn.

    Written as plain JSON: a thousand entries take a second.
    """
    made = make_entry(
        Algorithm(name="Algorithm", code="https://example.org/code"), MAIN[0], 64, 0.5
    )
    template = json.loads(format_result(made))
    for i in range(entries):
        number, place = divmod(i, len(MAIN))
        benchmark, size = MAIN[place], (64, 84)[number % 2]
        document = copy.deepcopy(template)
        document["algorithm"]["name"] = f"Algorithm {number:03d}"
        document["benchmark"], document["image_size"] = benchmark, size
        document["data"]["content_sha256"] = content_hash(benchmark, size)
        returns = _returns(benchmark, size, skill=(number * 37 % 100) / 110 + 0.05)
        for run in document["evaluations"][0]["runs"]:
            run["returns"] = returns[run["seed"]].tolist()
            for point, (_, mean) in zip(run["curve"], _curve(returns[run["seed"]]), strict=True):
                point["mean_return"] = mean
        path = folder / benchmark / f"algorithm_{number:03d}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(document, indent=1))
    return folder


def _returns(benchmark: str, size: int, skill: float) -> dict[int, np.ndarray]:
    rng = np.random.default_rng([list(benchmarks()).index(benchmark), size, int(skill * 1e6)])
    task = benchmarks()[benchmark].task
    level = skill * (300 if task is not None and task.action_size > MANY_JOINTS else 900)
    return {seed: np.clip(rng.normal(level, 60, 4), 0, 1000).round(2) for seed in range(SEEDS)}


def _curve(returns: np.ndarray) -> list[tuple[int, float]]:
    """A line up to the final mean."""
    final = float(returns.mean())
    rising = [round(final * (i + 1) / len(STEPS), 3) for i in range(len(STEPS) - 1)]
    return list(zip(STEPS, [*rising, final], strict=True))


def grow(folder: Path) -> Path:
    """A copy of the shipped store that honest pull requests have grown, through ``add``.

    One entry whose actions are replayed; an algorithm that is better than all on every main
    dataset; results on other data, on other suites, and a paper's new number.
    """
    store = folder / "results"
    shutil.copytree(RESULTS, store)
    shutil.copy(list_path(RESULTS), list_path(store))
    best = Algorithm(name="Best of all", code="https://example.org/code")
    for benchmark in MAIN:
        _add(store, make_entry(best, benchmark, 84, 0.97))
    again = Data(origin="regenerated", content_sha256=hashlib.sha256(b"again").hexdigest())
    made = make_entry(Algorithm(name="Mine"), MAIN[2], 64, 0.5)
    _add(store, dataclasses.replace(made, data=again))
    for benchmark, top in (("LQVD4RL/walker_walk-medium-v0", 598), (KITCHEN, 800)):
        _add(store, _of_other_suite(benchmark, top))
    _add(store, _printed())
    if importlib.util.find_spec("dm_control") is not None:
        _add(store, *_played())
    return store


def _add(store: Path, result: RunResult, actions: bytes | None = None) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = write_result(Path(folder) / "mine.json", result, actions)
        report = check_file(path, store=store)
        assert report.ok, report.problems
        put_entry(report, store)


def media_of(benchmark: str) -> dict[str, str]:
    """What an evaluation of a benchmark says of the pictures that it shows."""
    return {"kinetics": "0" * 64} if benchmark.startswith("LQVD4RL/") else {}


def _of_other_suite(benchmark: str, top: float) -> RunResult:
    rng = np.random.default_rng(0)
    runs = {seed: rng.uniform(top / 2, top, 4) for seed in range(SEEDS)}
    made = make_entry(Algorithm(name="Mine"), MAIN[0], 64, 0.5)
    evaluated = EnvironmentRuns(
        environment="original",
        media=media_of(benchmark),
        runs=tuple(
            Run(seed=seed, returns=tuple(runs[seed].tolist()), successes=(0.5, 1.0, 0.75, 1.0))
            for seed in runs
        ),
    )
    data = Data(origin="imported", content_sha256=content_hash(benchmark, 64), transitions=1000)
    return dataclasses.replace(made, benchmark=benchmark, evaluations=(evaluated,), data=data)


def _printed() -> RunResult:
    number = PublishedNumber(
        environment="original",
        mean=93.0,
        scale="return/10",
        source=Source(paper="A new paper", table="Table 1"),
    )
    protocol = Protocol(
        checkpoint="unstated", online_evaluations=None, hyperparameters_shared="unstated"
    )
    return RunResult(
        algorithm=Algorithm(name="New"),
        benchmark="VD4RL/walker_walk-expert-v0",
        image_size=84,
        kind="published",
        protocol=protocol,
        published=(number,),
    )


def _played() -> tuple[RunResult, bytes | None]:
    with contextlib.closing(Simulation("cheetah_run")) as simulation:
        runs = {seed: play_randomly(simulation, simulation.task, seed, 1) for seed in (7, 8, 9)}
    protocol = Protocol(checkpoint="last", online_evaluations=0, hyperparameters_shared="all")
    made = make_submission(
        "Also random", "VD4RL/cheetah_run-random-64px-v0", runs, protocol, data=Data(origin="none")
    )
    return made.result, made.actions
