"""Every behavior and every option: what means nothing is refused, what means something counts."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest

from collection.actor import Actor
from collection.behaviors import BEHAVIORS, BehaviorOptions, find_behavior
from collection.cli import main
from collection.driver import LEARNING, SKILLED
from collection.errors import InvalidSettingError
from collection.policy_files import write_policy
from collection.replay_writing import write_replay
from collection.rollout import Trajectory
from collection.sac.run_folder import RunFolder
from collection.selection import select_tiers
from tests.storage.tiny import files_of
from vd4rl_data.registry import get_task_spec, list_datasets
from vd4rl_data.simulators import Simulation
from vd4rl_data.suites.policies import LATE_REPLAY

TASK = "walker_walk"
OPTIONS = tuple(item.name for item in dataclasses.fields(BehaviorOptions))
EVERY = [(behavior, option) for behavior in BEHAVIORS for option in OPTIONS]
MEANINGLESS = [(b, option) for b, option in EVERY if option not in BEHAVIORS[b].options]
OWN_TESTS = ("scripted", "demos", LATE_REPLAY)
"""They play no short episodes, or none comes with the repository; see ``test_scripted.py``,
``test_kitchen.py`` and ``test_behaviors.py``."""
MEANINGFUL = [pair for pair in EVERY if pair not in MEANINGLESS and pair[0] not in OWN_TESTS]


def _task_of(behavior: str) -> str:
    """A task that the behavior plays."""
    if behavior in (SKILLED, LEARNING):
        pytest.importorskip("Box2D")
        return "car_racing"
    return {"scripted": "drawer_open", "demos": "microwave_kettle_light_slide"}.get(behavior, TASK)


def _value(option: str, behavior: str, folder: Path, actor: Actor) -> object:
    """A value that is not the default, as the behavior would want it."""
    if option == "seed":
        return 5
    if option == "deterministic":
        return True
    assert option == "source"
    if behavior == "medium_replay":
        return _replay(folder)
    path = folder / "other.safetensors"
    layout = (("orientations", 14), ("height", 1), ("velocity", 9))
    tier = "expert" if behavior == "expert" else "medium"
    write_policy(path, actor, task=TASK, tier=tier, observations=layout, training={})
    return path


def _replay(folder: Path) -> Path:
    from collection.players import make_uniform_policy
    from collection.rollout import rollout

    simulation = Simulation(dataclasses.replace(get_task_spec(TASK), horizon=4))
    episode: Trajectory = rollout(
        simulation, make_uniform_policy, behavior="medium_replay", seed=3, episode=0
    )
    simulation.close()
    path = folder / "other.h5"
    write_replay(path, TASK, [episode], {})
    return path


@pytest.fixture
def valued(tmp_path: Path, make_actor: Callable[..., Actor]) -> Callable[[str, str], object]:
    folder = tmp_path / "given"
    folder.mkdir()
    return lambda behavior, option: _value(option, behavior, folder, make_actor())


def _arguments(option: str, value: object) -> list[str]:
    return [f"--{option}"] if value is True else [f"--{option}", str(value)]


@pytest.mark.parametrize(("behavior", "option"), MEANINGLESS)
@pytest.mark.parametrize("command", ["collect", "rollout-stats"])
def test_an_option_that_means_nothing_is_refused_and_nothing_is_written(
    command: str,
    behavior: str,
    option: str,
    valued: Callable[[str, str], object],
    tmp_path: Path,
    data_dir: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Once, ``collect …medium_replay… --seed 5`` made seed 0's data, and a manifest that said 5."""
    arguments, task = _arguments(option, valued(behavior, option)), _task_of(behavior)
    if command == "collect":
        rows = list_datasets(task=task, size=64)
        name = next(spec.name for spec in rows if spec.behavior == behavior)
        start = [command, name, "--out", str(tmp_path / "out"), "--episodes", "1"]
    else:
        start = [command, task, "--behavior", behavior, "--json", str(tmp_path / "out" / "x.json")]
    before = files_of(tmp_path)
    assert main([*start, *arguments, "--no-progress"]) == 1
    said = capsys.readouterr()
    assert f"error: --{option}: does not apply to {behavior}, which takes " in said.err
    for other in BEHAVIORS[behavior].options:
        assert other in said.err
    assert said.out == ""
    assert files_of(tmp_path) == before
    assert files_of(data_dir) == {}


@pytest.mark.parametrize(("behavior", "option"), MEANINGFUL)
def test_an_option_that_means_something_changes_the_episodes(
    behavior: str, option: str, valued: Callable[[str, str], object]
) -> None:
    task = get_task_spec(_task_of(behavior))
    given = BehaviorOptions(**{option: valued(behavior, option)})  # pyright: ignore[reportArgumentType]
    usual, other = find_behavior(task, behavior), find_behavior(task, behavior, given)
    assert other.identity != usual.identity
    assert other.arguments != usual.arguments
    assert any(argument.startswith(f"--{option}") for argument in other.arguments)
    short = Simulation(dataclasses.replace(task, horizon=6))
    plays = [player.play(short, episode=0) for player in (usual, usual, other)]
    short.close()
    assert plays[0].actions.tobytes() == plays[1].actions.tobytes()
    assert plays[0].actions.tobytes() != plays[2].actions.tobytes()


@pytest.mark.parametrize("behavior", [name for name in BEHAVIORS if name not in OWN_TESTS])
def test_the_defaults_are_taken_by_every_behavior(behavior: str) -> None:
    found = find_behavior(get_task_spec(TASK), behavior)
    assert found.name == behavior
    assert ("--seed" in found.arguments) == ("seed" in BEHAVIORS[behavior].options)
    assert ("seed" in found.identity) == ("seed" in BEHAVIORS[behavior].options)


def test_a_negative_seed_is_refused() -> None:
    with pytest.raises(InvalidSettingError, match="seed: expected at least 0, got -1"):
        find_behavior(get_task_spec(TASK), "random", BehaviorOptions(seed=-1))


def test_one_source_cannot_make_both_parts_of_a_composite(
    valued: Callable[[str, str], object], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Once, the medium part was made before the expert part was refused."""
    source = str(valued("medium", "source"))
    out = tmp_path / "out"
    arguments = ["collect", f"VD4RL/{TASK}-medium_expert-64px-v0", "--episodes", "1"]
    assert main([*arguments, "--source", source, "--out", str(out), "--no-progress"]) == 1
    assert "collect each part with its own source" in capsys.readouterr().err
    assert not out.exists()


def test_what_is_wrong_with_one_part_is_told_before_another_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from collection import sources

    monkeypatch.setattr(
        sources,
        "shipped_policy",
        lambda task, tier, level: None if tier == "expert" else _shipped(),
    )
    out = tmp_path / "out"
    arguments = ["collect", f"VD4RL/{TASK}-medium_expert-64px-v0", "--episodes", "1"]
    assert main([*arguments, "--out", str(out), "--no-progress"]) == 1
    assert f"no expert policy for {TASK}" in capsys.readouterr().err
    assert not out.exists()


def _shipped() -> Path:
    from collection.policy_files import shipped_policy

    path = shipped_policy(TASK, "medium")
    assert path is not None
    return path


def test_a_level_without_a_medium_policy_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidSettingError, match="level: applies only to the tier medium"):
        select_tiers(RunFolder(tmp_path), tmp_path / "out", tiers=("expert",), level=1.0)
    assert not (tmp_path / "out").exists()
