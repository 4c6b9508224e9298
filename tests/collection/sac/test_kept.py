"""A run taken up from the few small files that were kept of another one."""

from __future__ import annotations

import dataclasses
import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import tyro

from collection.cli import Command, main
from collection.errors import InvalidSettingError, PolicyFileError, RunFolderError
from collection.keeping import keep, take_up_command
from collection.learning_curve import curves_before
from collection.policy_files import read_policy
from collection.sac.kept import ACTOR, CRITICS, read_kept
from collection.sac.run_folder import RunFolder
from collection.sac.settings import TrainSettings
from collection.selection import select_tiers
from collection.training_cli import Train
from tests.collection.sac.conftest import Training, take_up_kept
from tests.disk import snapshot
from vd4rl_data.errors import OutputExistsError
from vd4rl_data.seeding import Purpose, word
from vd4rl_data.simulators import Simulation

STEPS = 600


@pytest.fixture
def kept(training: Any, tmp_path: Path) -> Path:
    """What is kept of a run of three checkpoints."""
    keep(training("earlier", steps=STEPS), tmp_path / "kept")
    return tmp_path / "kept"


@pytest.fixture
def take_up(training: Any, kept: Path) -> Callable[..., RunFolder]:
    """Go on from it, with some settings changed."""

    def run(name: str = "later", **changes: Any) -> RunFolder:
        return take_up_kept(training, kept, name, **changes)

    return run


def test_what_is_kept_is_what_the_run_had(training: Any, kept: Path) -> None:
    run, found = training("again", steps=STEPS), read_kept(kept)
    assert all((kept / name).stat().st_size < 1 << 20 for name in (ACTOR, *CRITICS))
    state = run.load_state()
    assert state is not None
    flat = np.concatenate([w.ravel() for critic in found.critics for w in critic.weights])
    assert np.isin(flat, state["learner"]["critics"].numpy()).all()
    for name, tensor in run.actor(STEPS).tensors().items():
        np.testing.assert_array_equal(found.policy.actor.tensors()[name], tensor)
    assert found.temperature == pytest.approx(run.curve()[-1]["alpha"])
    assert found.episodes == run.curve()[-1]["episodes"]
    about = found.policy.training
    assert about["settings"]["steps"] == STEPS
    assert [record["environment_steps"] for record in about["curve"]] == [200, 400, 600]


def test_the_actor_fills_the_replay_before_anything_is_learned(
    take_up: Callable[..., RunFolder], kept: Path, settings: TrainSettings
) -> None:
    found = read_kept(kept)
    run = take_up(steps=400, learning_starts=10_000)
    state = run.load_state()
    assert state is not None
    assert state["updates"] == 0
    learner = state["learner"]
    assert torch.equal(learner["critics"], learner["targets"])
    assert learner["log_alpha"].exp().item() == pytest.approx(found.temperature)
    for name, tensor in run.actor(400).tensors().items():
        np.testing.assert_array_equal(found.policy.actor.tensors()[name], tensor)
    episodes = list(run.episodes([200, 400]))
    simulation = Simulation(settings.task)
    simulation.reset(word(Purpose.POLICY_EPISODE, settings.seed, settings.task, found.episodes))
    seen = [item.trajectory.recorded()[1] for item in episodes]
    np.testing.assert_array_equal(seen[0][0], simulation.state)
    simulation.close()
    actions = np.concatenate([item.trajectory.actions for item in episodes])
    means = found.policy.actor.mode(np.concatenate([states[:-1] for states in seen]))
    assert np.corrcoef(actions.ravel(), means.ravel())[0, 1] > 0


def test_it_learns_and_can_be_gone_on_with_like_any_run(take_up: Callable[..., RunFolder]) -> None:
    whole = take_up("whole", steps=400)
    assert whole.curve()[-1]["updates"] > 0
    take_up("in parts", steps=200)
    again = take_up("in parts", steps=400)
    assert again.actor_path(400).read_bytes() == whole.actor_path(400).read_bytes()


def test_the_curve_marks_where_it_was_taken_up(
    take_up: Callable[..., RunFolder], kept: Path, tmp_path: Path, settings: TrainSettings
) -> None:
    """Also of a run that took up one that had taken up another."""
    run = take_up(steps=STEPS)
    before = curves_before(settings.task, run.start())
    assert [[r["environment_steps"] for r in curve] for curve in before] == [[200, 400, 600]]
    keep(run, tmp_path / "kept again")
    about = read_kept(tmp_path / "kept again").description
    lengths = [len(curve) for curve in curves_before(settings.task, about)]
    assert lengths == [3, 3]
    assert curves_before("walker_walk", about) == []
    selected = select_tiers(run, tmp_path / "tiers", tiers=("medium",), level=-1.0)
    assert not selected.replay_returns  # it did not begin with the beginning of training
    policy = read_policy(selected.files[0])
    assert policy.training["start"]["sha256"] == read_kept(kept).sha256


def test_from_the_command_line(
    kept: Path, tmp_path: Path, settings: TrainSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    from collection.sac import settings as module

    def small(**given: Any) -> TrainSettings:
        return dataclasses.replace(settings, **given)

    monkeypatch.setattr(module, "TrainSettings", small)
    out = tmp_path / "later"
    command = ["train", settings.task, "--steps", "200", "--no-progress", "--out", str(out)]
    assert main([*command, "--take-up", str(kept)]) == 0
    made = json.loads((out / "settings.json").read_text())
    assert made["random_steps"] == 0
    assert made["learning_starts"] == 20_000
    assert made["initial_temperature"] == read_kept(kept).temperature
    assert main([*command, "--take-up", str(kept), "--start-from", str(kept / ACTOR)]) == 1
    assert main(["keep", str(out)]) == 0
    assert read_kept(out / "kept").policy.training["start"]["sha256"] == read_kept(kept).sha256


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, []),
        ({"updates_per_step": 1.0}, ["--updates-per-step", "1"]),
        ({"precision": "bfloat16", "batch_size": 8}, ["--precision", "bfloat16"]),
    ],
)
def test_the_command_that_takes_up_goes_on_as_the_run_did(
    changes: dict[str, Any], expected: list[str], training: Training, tmp_path: Path
) -> None:
    run = training("a run", steps=STEPS, **changes)
    words = shlex.split(take_up_command(run, tmp_path / "a kept run"))
    assert words[:3] == ["python", "-m", "collection"]
    assert " ".join(expected) in " ".join(words)
    command = tyro.cli(Command, args=words[3:])  # pyright: ignore[reportArgumentType]
    assert isinstance(command, Train)
    assert command.take_up == tmp_path / "a kept run"
    settings = run.settings()
    for name in ("task", "updates_per_step", "precision", "learning_rate", "environments"):
        assert getattr(command, name) == getattr(settings, name), name
    assert command.batch_size == settings.batch_size


def test_the_command_that_takes_up_makes_the_steps_that_were_left(training: Training) -> None:
    run = training("run", steps=STEPS)
    settings = dataclasses.replace(run.settings(), steps=STEPS + 1_500)
    run.claim(settings)
    assert "--steps 1_500" in take_up_command(run, Path("kept"))


def _alter(folder: Path) -> None:
    path = folder / CRITICS[1]
    path.write_bytes(path.read_bytes()[:-4] + b"abcd")


def _forget(folder: Path) -> None:
    (folder / CRITICS[0]).unlink()


def _no_longer_kept(folder: Path) -> None:
    path = (folder / ACTOR).with_suffix(".json")
    about = json.loads(path.read_text())
    del about["training"]["kept"]
    path.write_text(json.dumps(about))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_alter, "critic_2.safetensors: altered, truncated or of another run"),
        (_forget, "critic_1.safetensors: cannot be read"),
        (_no_longer_kept, "not one that `python -m collection keep` wrote"),
    ],
)
def test_damaged(kept: Path, damage: Callable[[Path], None], message: str) -> None:
    damage(kept)
    with pytest.raises(PolicyFileError, match=message):
        read_kept(kept)


def test_refusals(training: Any, take_up: Callable[..., RunFolder], tmp_path: Path) -> None:
    with pytest.raises(InvalidSettingError, match="the same robot and have the same hidden layers"):
        take_up(hidden=(16, 8))
    with pytest.raises(RunFolderError, match="cannot be read"):
        keep(RunFolder(tmp_path / "nothing"), tmp_path / "out")
    before = snapshot(tmp_path / "kept")
    with pytest.raises(OutputExistsError):
        keep(training("other", steps=STEPS, seed=1), tmp_path / "kept")
    assert snapshot(tmp_path / "kept") == before
    keep(training("other", steps=STEPS, seed=1), tmp_path / "kept", replace=True)
    assert snapshot(tmp_path / "kept") != before
