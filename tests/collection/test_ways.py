"""What ``vd4rl list`` says about collecting a dataset is what the pipeline does."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import tyro

from collection.behaviors import BehaviorOptions
from collection.bodies import find_behavior_of
from collection.cli import Command
from collection.errors import InvalidSettingError, NotCollectableError
from collection.learning_curve import curves_before
from collection.recipes import find_recipe
from collection.replay_files import open_replay, shipped_replay
from collection.sac.kept import read_kept
from vd4rl_data.registry import DATASETS, get_dataset_spec
from vd4rl_data.spec import DatasetSpec
from vd4rl_data.suites import policies
from vd4rl_data.suites.policies import REPLAY, TIERS, TRAINING_RUNS, ShippedReplay, TrainingRun
from vd4rl_data.ways import Way, ways_to_get

_PREFIX = "python -m collection "


def _makers(spec: DatasetSpec) -> Iterator[bool]:
    """Whether each part can be made of what comes with the repository."""
    for part in [get_dataset_spec(name) for name in spec.parts] or [spec]:
        try:
            behavior = find_behavior_of(part, find_recipe(part).behavior, BehaviorOptions())
            behavior.lengths(part.task, part.num_episodes)
        except (NotCollectableError, InvalidSettingError):
            yield False
        else:
            yield True


@pytest.mark.parametrize("name", [name for name in DATASETS if not name.startswith("Test/")])
def test_what_is_said_to_be_shipped_is_shipped(name: str) -> None:
    kinds = {way.kind for way in ways_to_get(get_dataset_spec(name))}
    assert ("collect" in kinds) == all(_makers(get_dataset_spec(name)))
    assert not {"collect", "train"} <= kinds


def test_every_command_is_one() -> None:
    lines = {
        line for spec in DATASETS.values() for way in ways_to_get(spec) for line in way.commands
    }
    ours = [line.removeprefix(_PREFIX) for line in sorted(lines) if line.startswith(_PREFIX)]
    assert len(ours) > len(TRAINING_RUNS)
    for line in ours:
        tyro.cli(
            Command,  # pyright: ignore[reportArgumentType]
            args=shlex.split(line),
            config=(tyro.conf.FlagCreatePairsOff,),
        )


def test_what_comes_with_the_repository_stays_small(repository: Path) -> None:
    """At most 1 MiB for a policy, 60 MB in all; what is larger is published and pinned."""
    sizes = {
        path: path.stat().st_size
        for folder in ("policies", "replays", "kept")
        for path in (repository / "collection" / folder).rglob("*")
        if path.is_file()
    }
    assert sum(sizes.values()) <= 60_000_000
    assert all(size <= 1 << 20 for path, size in sizes.items() if path.suffix == ".safetensors")


def test_kept_runs_are_sound_and_small(repository: Path) -> None:
    folders = sorted((repository / "collection" / "kept").iterdir())
    assert {run.kept for run in TRAINING_RUNS if run.kept} <= {
        folder.relative_to(repository).as_posix() for folder in folders
    }
    for folder in folders:
        assert read_kept(folder).policy.task == folder.name
        assert all(path.stat().st_size <= 1 << 20 for path in folder.iterdir())


@pytest.mark.parametrize(
    "run", [run for run in TRAINING_RUNS if run.kept], ids=lambda run: run.task
)
def test_what_is_said_to_be_kept_can_be_taken_up(run: TrainingRun, repository: Path) -> None:
    kept = read_kept(repository / run.kept)
    assert kept.policy.task == run.task
    curves = curves_before(run.task, kept.description)
    assert sum(curve[-1]["environment_steps"] for curve in curves) == run.kept_steps
    spec = next(
        spec
        for spec in DATASETS.values()
        if spec.task.name == run.task
        and spec.behavior in {*TIERS} - {*run.shipped}
        and not spec.parts
    )
    (way,) = (w for w in ways_to_get(spec) if w.kind == "train")
    left = run.steps - run.kept_steps
    assert any(f"--steps {left:_} --take-up {run.kept}" in line for line in way.commands)
    assert way.hours == pytest.approx(run.hours * left / run.steps)


def test_a_replay_is_of_a_run_from_its_beginning() -> None:
    replay = get_dataset_spec("VD4RL/humanoid_walk-medium_replay-64px-v0")
    lines = [line for way in ways_to_get(replay) for line in way.commands]
    assert not any("--take-up" in line for line in lines)
    (run,) = (run for run in TRAINING_RUNS if run.task == replay.task.name)
    assert run.beginning
    assert any(f"{run.beginning} {run.options}" in line for line in lines)


@pytest.mark.parametrize(
    ("run", "behavior"),
    [
        pytest.param(run, behavior, id=f"{run.task}-{behavior}")
        for run in TRAINING_RUNS
        for behavior in run.replays
    ],
)
def test_what_is_said_of_a_replay_is_so(run: TrainingRun, behavior: str) -> None:
    path = shipped_replay(run.task, run.level, behavior)
    assert path is not None
    replay, said = open_replay(path), run.replays[behavior]
    assert len(replay) == said.episodes
    assert replay.training.get("thinned", {}).get("of", 0) == said.of


def _training(name: str) -> tuple[Way, str]:
    """The way by training, and the command that trains first."""
    (way,) = (way for way in ways_to_get(get_dataset_spec(name)) if way.kind == "train")
    return way, next(line for line in way.commands if " train " in line)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> TrainingRun:
    """A run whose policies nobody shipped, medium after a fifth of it, in place of humanoid's."""
    run = TrainingRun(
        task="humanoid_walk",
        steps=5_000_000,
        hours=5.0,
        options="--batch-size 128",
        ending="--anneal-from 4_000_000",
        medium_at=980_000,
        missing="Nobody saw its end.",
    )
    monkeypatch.setattr(policies, "TRAINING_RUNS", (run,))
    return run


@pytest.mark.parametrize(
    ("behavior", "steps"), [("medium", 1_000_000), ("medium_replay", 1_200_000)]
)
def test_what_medium_needs_is_trained_up_to_medium(
    run: TrainingRun, behavior: str, steps: int
) -> None:
    """Two checkpoints longer, or as long as the replay is; without the end of training."""
    way, command = _training(f"VD4RL/humanoid_walk-{behavior}-64px-v0")
    assert f"--steps {steps:_} {run.options} --out" in command
    assert way.hours == pytest.approx(steps / 1e6)
    assert run.missing not in way.notes
    assert not way.text.startswith("collect after training (more than")


def test_a_replay_of_a_longer_training_has_not_the_end_of_a_shorter_one(
    run: TrainingRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = replace(run, steps=500_000, medium_at=0, ending="--anneal-from 400_000")
    monkeypatch.setattr(policies, "TRAINING_RUNS", (short,))
    way, command = _training("VD4RL/humanoid_walk-medium_replay-64px-v0")
    assert f"--steps 1_200_000 {run.options} --out" in command
    assert way.hours == pytest.approx(run.hours * 1_200_000 / 500_000)


@pytest.mark.parametrize("behavior", ["expert", "medium_expert"])
def test_what_expert_needs_is_trained_to_the_end(run: TrainingRun, behavior: str) -> None:
    way, command = _training(f"VD4RL/humanoid_walk-{behavior}-64px-v0")
    assert f"--steps {run.steps:_} {run.options} {run.ending} --out" in command
    assert way.hours == pytest.approx(run.hours)
    assert run.missing in way.notes


def test_medium_is_not_trained_from_what_was_kept_after_it(
    run: TrainingRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = replace(run, kept="collection/kept/humanoid_walk", kept_steps=2_000_000)
    monkeypatch.setattr(policies, "TRAINING_RUNS", (kept,))
    _, medium = _training("VD4RL/humanoid_walk-medium-64px-v0")
    assert "--steps 1_000_000 --batch-size 128 --out" in medium
    _, expert = _training("VD4RL/humanoid_walk-expert-64px-v0")
    assert f"--steps 3_000_000 --take-up {kept.kept}" in expert


@pytest.mark.parametrize(("suite", "episodes"), [("VD4RL", "1,200"), ("LQVD4RL", "400")])
def test_a_thinned_replay_makes_a_part(
    suite: str, episodes: str, run: TrainingRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    thinned = replace(run, replays={REPLAY: ShippedReplay(200, of=980)})
    monkeypatch.setattr(policies, "TRAINING_RUNS", (thinned,))
    name = f"{suite}/humanoid_walk-medium_replay-64px-v0"
    ways = {way.kind: way for way in ways_to_get(get_dataset_spec(name))}
    assert {"part", "train"} <= ways.keys()
    assert "collect" not in ways
    assert ways["part"].text == f"collect 200 of {episodes} episodes"
    assert "spread evenly over its first 980" in ways["part"].title
    assert ways["part"].commands[-1].endswith(f"collect {name} --episodes 200")
    medium = get_dataset_spec("VD4RL/humanoid_walk-medium-64px-v0")
    assert "part" not in {way.kind for way in ways_to_get(medium)}


def test_of_what_nobody_trained_the_cost_is_unknown() -> None:
    (way,) = (
        way
        for way in ways_to_get(get_dataset_spec("Test/walker_walk_short-medium-16px-v0"))
        if way.kind == "train"
    )
    assert way.hours is None
    assert "hours unknown" in way.text
