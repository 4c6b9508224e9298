"""A refused command, and one that finds its work done, leave every byte and time as it was."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from collection.actor import Actor
from collection.cli import main
from collection.policy_files import write_policy
from collection.sac.run_folder import RunFolder
from collection.sac.train import train
from tests.collection.conftest import small_training
from tests.disk import snapshot
from vd4rl_data.registry import TASKS
from vd4rl_data.spec import DatasetSpec
from vd4rl_data.storage.atomic import write_lock

TASK = "walker_walk_short"
STEPS = 2000


@dataclasses.dataclass(frozen=True)
class Place:
    """Where a command runs: ``run``, trained for ten checkpoints, and policies to begin with."""

    root: Path

    @property
    def run(self) -> Path:
        return self.root / "run"

    @property
    def tiers(self) -> Path:
        return self.root / "run" / "tiers"

    def train(self, *more: str, name: str = "run", steps: int = STEPS) -> list[str]:
        """The settings of the run that the command line knows; the others are small in the test."""
        given = ["train", TASK, "--steps", str(steps), "--out", str(self.root / name)]
        return [*given, "--random-steps", "60", "--batch-size", "16", "--no-progress", *more]

    def select(self, *more: str) -> list[str]:
        return ["select", str(self.run), "--level", "-1", *more]


@pytest.fixture(scope="module")
def made(rows: list[DatasetSpec], tmp_path_factory: pytest.TempPathFactory) -> Place:
    place = Place(tmp_path_factory.mktemp("made"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(TASKS, TASK, rows[0].task)
        train(small_training(TASK, STEPS), place.run)
    return place


@pytest.fixture
def place(made: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A copy of it; the command line's settings are small where it has no option for them."""
    from collection.sac import settings as module

    def small(**given: Any) -> Any:
        return dataclasses.replace(small_training(TASK, STEPS), **given)

    monkeypatch.setattr(module, "TrainSettings", small)
    shutil.copytree(made.root, tmp_path / "made")
    return Place(tmp_path / "made")


def _nothing(place: Place) -> None:
    pass


def _policy(place: Place, state_size: int, task: str = TASK) -> None:
    """A policy to begin with, whose first layer takes so many numbers."""
    rng = np.random.default_rng(0)
    sizes = (state_size, 16, 16, 12)
    shapes = list(zip(sizes[1:], sizes[:-1], strict=True))
    weights = tuple(rng.normal(0, 0.1, shape).astype(np.float32) for shape in shapes)
    biases = tuple(np.zeros(shape[0], np.float32) for shape in shapes)
    write_policy(
        place.root / "start.safetensors",
        Actor(weights, biases),
        task=task,
        tier="expert",
        observations=(("orientations", 14), ("height", 1), ("velocity", state_size - 15)),
        training={},
    )


def _wrong_sizes(place: Place) -> None:
    _policy(place, 23)


def _scrambled(place: Place) -> None:
    _policy(place, 24)
    path = place.root / "start.safetensors"
    path.write_bytes(path.read_bytes()[:-4] + b"abcd")


def _damaged_state(place: Place) -> None:
    (place.run / "resume.pt").write_bytes(b"nothing")


def _damaged_recording(place: Place) -> None:
    (place.run / "replay" / "000001000.npz").write_bytes(b"nothing")


def _no_curve(place: Place) -> None:
    (place.run / "curve.json").write_text("[]")


def _no_actor(place: Place) -> None:
    """Of the checkpoint that is expert."""
    for path in (place.run / "actors").glob("000001[468]00.safetensors"):
        path.unlink()


def _no_run(place: Place) -> None:
    shutil.rmtree(place.run)


def _file(place: Place) -> None:
    shutil.rmtree(place.run)
    place.run.write_text("mine")


def _foreign_policy(place: Place) -> None:
    (place.tiers / "policies").mkdir(parents=True)
    (place.tiers / "policies" / f"{TASK}-expert.json").write_text("{}")


def _foreign_replay(place: Place) -> None:
    (place.tiers / "replays").mkdir(parents=True)
    (place.tiers / "replays" / f"{TASK}.h5").write_bytes(b"mine")


def _annealed(place: Place) -> None:
    path = place.run / "settings.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "anneal_from": 400}))


Case = tuple[Callable[[Place], object], Callable[[Place], list[str]], str]


def _start(place: Place) -> list[str]:
    start = str(place.root / "start.safetensors")
    return place.train("--start-from", start, name="new", steps=200)


REFUSED: dict[str, Case] = {
    "fewer steps": (_nothing, lambda p: p.train(steps=600), "expected at least 2,000"),
    "fewer steps, annealed": (
        _annealed,
        lambda p: p.train("--anneal-from", "400", steps=600),
        "steps: 2000 there, 600 requested",
    ),
    "another rate": (_nothing, lambda p: p.train("--learning-rate", "1"), "learning-rate: 0.0003"),
    "another seed": (_nothing, lambda p: p.train("--seed", "1"), "seed: 0 there, 1 requested"),
    "annealing too late": (
        _nothing,
        lambda p: p.train("--anneal-from", "400", steps=3000),
        "anneal-from: None there, 400 requested",
    ),
    "another policy to begin with": (
        lambda p: _policy(p, 24),
        lambda p: p.train("--start-from", str(p.root / "start.safetensors")),
        "initial_policy: None there",
    ),
    "a policy of other sizes": (_wrong_sizes, _start, "expected a policy of the states of"),
    "a damaged policy": (_scrambled, _start, "altered or truncated"),
    "no policy": (_nothing, _start, "cannot be read"),
    "a damaged state": (_damaged_state, lambda p: p.train(steps=3000), "resume.pt cannot be read"),
    "a damaged recording": (
        _damaged_recording,
        lambda p: p.train(steps=3000),
        "not a recording of episodes",
    ),
    "an empty curve": (_no_curve, lambda p: p.train(steps=3000), "expected a list of checkpoints"),
    "a file": (_file, lambda p: p.train(), "expected a folder"),
    "no such task": (
        _nothing,
        lambda p: ["train", "walker_wolk", "--out", str(p.root / "new")],
        "walker_walk",
    ),
    "no such device": (
        _nothing,
        lambda p: p.train("--device", "cuda:99", name="new"),
        "'cuda:99' cannot be used",
    ),
    "no device": (
        _nothing,
        lambda p: p.train("--device", "gpu", name="new"),
        "'gpu' cannot be used",
    ),
    "no threads": (_nothing, lambda p: p.train("--threads", "0", name="new"), "threads: expected"),
    "no environments": (
        _nothing,
        lambda p: p.train("--environments", "0", name="new"),
        "environments: expected",
    ),
    "select, no run": (_no_run, lambda p: p.select(), "expected the folder of a training run"),
    "select, never so far": (
        _nothing,
        lambda p: p.select("--level", "2000"),
        "no 3 successive evaluations above 2000",
    ),
    "select, an actor is gone": (_no_actor, lambda p: p.select(), "cannot be read"),
    "select, a damaged recording": (
        _damaged_recording,
        lambda p: p.select(),
        "not a recording of episodes",
    ),
    "select, another policy there": (_foreign_policy, lambda p: p.select(), "(--replace)"),
    "select, another replay there": (_foreign_replay, lambda p: p.select(), "(--replace)"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_refused_command_changes_nothing(place: Place, capsys: Any, name: str) -> None:
    prepare, command, message = REFUSED[name]
    prepare(place)
    before = snapshot(place.root)
    assert main(command(place)) == 1
    assert message in capsys.readouterr().err
    assert snapshot(place.root) == before


def test_a_held_folder_is_left_alone(place: Place) -> None:
    with write_lock(place.run / "run"):
        before = snapshot(place.root)
        assert main(place.train(steps=3000)) == 1
        assert snapshot(place.root) == before


def test_what_is_done_is_left_alone(place: Place) -> None:
    assert main(place.train()) == 0  # draws the learning curve
    assert main(place.select()) == 0
    picture = f"tiers/learning_curves/{TASK}-seed0.png"
    before = snapshot(place.run)
    for command in (place.train(), place.select(), place.train()):
        assert main(command) == 0
    after = snapshot(place.run)
    for name in (picture, "tiers/learning_curves"):  # drawn again
        before.pop(name)
        after.pop(name)
    assert after == before


def test_a_folder_that_a_run_was_refused_in_is_free(place: Place) -> None:
    _wrong_sizes(place)
    assert main(_start(place)) == 1
    _policy(place, 24)
    assert main(_start(place)) == 0
    start = RunFolder(place.root / "new").start()
    assert start is not None
    assert start["name"] == "expert"


def test_another_selection_takes_the_place_when_told(place: Place) -> None:
    _foreign_policy(place)
    _foreign_replay(place)
    assert main(place.select("--replace")) == 0
    assert json.loads((place.tiers / "policies" / f"{TASK}-expert.json").read_text())["sha256"]


def test_the_last_episode_is_played_to_its_end(place: Place) -> None:
    """And saved: training that ends within an episode loses nothing."""
    assert main(place.train(name="odd", steps=990)) == 0
    run = RunFolder(place.root / "odd")
    assert run.reached() == 1000
    assert run.settings().steps == 990
    assert main(place.train(name="odd", steps=990)) == 0
    assert main(place.train(name="odd", steps=2000)) == 0
    whole = RunFolder(place.run)
    assert run.actor_path(2000).read_bytes() == whole.actor_path(2000).read_bytes()
