"""A task of ten time steps, datasets of it, and a process to kill while it collects them."""

from __future__ import annotations

import dataclasses
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from collection.actor import Actor
from collection.collect import collect
from collection.pipeline import Made
from collection.sac.settings import TrainSettings
from vd4rl_data.ids import parse_id
from vd4rl_data.registry import DATASETS, TASKS, get_task_spec
from vd4rl_data.spec import DatasetSpec
from vd4rl_data.suites.rows import RETURN_OVER_1000, plain_dataset

EPISODES = 4
TIME_STEPS = 10
RANDOM = "Test/walker_walk_short-random-16px-v0"
RANDOM_24PX = "Test/walker_walk_short-random-24px-v0"
SAMPLE = "Test/walker_walk_short-random-sample-16px-v0"
MEDIUM = "Test/walker_walk_short-medium-16px-v0"
REPLAY = "Test/walker_walk_short-medium_replay-16px-v0"

_CHILD = """
import os, pickle, signal, sys
from pathlib import Path
from vd4rl_data.registry import register_dataset, register_task
from collection.cli import main

rows, kill_after, calls, *arguments = sys.argv[1:]
for spec in pickle.loads(Path(rows).read_bytes()):
    register_task(spec.task)
    register_dataset(spec)
if kill_after:
    import importlib
    module, owner, method = kill_after.split(":")
    owner = getattr(importlib.import_module(module), owner)
    original, left = getattr(owner, method), int(calls)

    def patched(*args, **kwargs):
        global left
        result = original(*args, **kwargs)
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, method, patched)
sys.exit(main(arguments))
"""


@pytest.fixture(scope="module", autouse=True)
def as_users_run_it(no_type_checks: None) -> None:
    """The library's arrays are checked at run time by its own tests; here that costs an eighth."""


@pytest.fixture(autouse=True)
def start_warm(warm_workers: None) -> None:
    """Most tests start workers for a few time steps."""


def _rows() -> list[DatasetSpec]:
    task = dataclasses.replace(
        get_task_spec("walker_walk"), name="walker_walk_short", horizon=2 * TIME_STEPS
    )
    return [
        plain_dataset(
            parse_id(name),
            task,
            num_episodes=episodes,
            score=RETURN_OVER_1000,
            license="MIT",
            citation="nobody",
            source="made by a test",
        )
        for name, episodes in (
            (RANDOM, EPISODES),
            (RANDOM_24PX, EPISODES),
            (SAMPLE, 2),
            (MEDIUM, EPISODES),
            (REPLAY, 60),
        )
    ]


@pytest.fixture(scope="session")
def rows() -> list[DatasetSpec]:
    """The catalog rows of the short task."""
    return _rows()


def small_training(task: str, steps: int) -> TrainSettings:
    """Small networks; a checkpoint of ten episodes of the short task every 200 steps."""
    return TrainSettings(
        task=task,
        steps=steps,
        hidden=(16, 16),
        batch_size=16,
        random_steps=60,
        learning_starts=40,
        evaluation_episodes=2,
        checkpoint_steps=200,
    )


@pytest.fixture(autouse=True)
def short_task(rows: list[DatasetSpec], monkeypatch: pytest.MonkeyPatch) -> None:
    """The rows stand in the registry for one test and leave it again."""
    for spec in rows:
        monkeypatch.setitem(TASKS, spec.task.name, spec.task)
        monkeypatch.setitem(DATASETS, spec.name, spec)


@pytest.fixture(scope="session")
def baseline(rows: list[DatasetSpec], tmp_path_factory: pytest.TempPathFactory) -> Made:
    """The whole short dataset, made by one worker and never interrupted."""
    with pytest.MonkeyPatch.context() as patch:
        for spec in rows:
            patch.setitem(TASKS, spec.task.name, spec.task)
            patch.setitem(DATASETS, spec.name, spec)
        return collect(RANDOM, tmp_path_factory.mktemp("baseline"), show_progress=False)


@pytest.fixture
def make_actor() -> Callable[..., Actor]:
    """Make a small policy of random weights, for walker unless told otherwise."""

    def make(seed: int = 0, state_size: int = 24, action_size: int = 6) -> Actor:
        rng = np.random.default_rng(seed)
        sizes = (state_size, 8, 5, 2 * action_size)
        shapes = list(zip(sizes[1:], sizes[:-1], strict=True))
        return Actor(
            tuple(rng.normal(0, 0.5, shape).astype(np.float32) for shape in shapes),
            tuple(rng.normal(0, 0.5, shape[0]).astype(np.float32) for shape in shapes),
        )

    return make


Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(rows: list[DatasetSpec], tmp_path: Path, repository: Path) -> Iterator[Start]:
    """Start ``python -m collection`` with the short task, in a process group of its own.

    ``kill_after="module:Class:method"`` makes the process kill itself (SIGKILL) right after the
    given call of that method.
    """
    pickled = tmp_path / "rows.pickle"
    pickled.write_bytes(pickle.dumps(rows))
    started: list[subprocess.Popen[str]] = []

    def run(*arguments: str, kill_after: str = "", calls: int = 1) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", _CHILD, str(pickled), kill_after, str(calls), *arguments],
            env={**os.environ, "PYTHONPATH": str(repository)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield run
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()
