"""Each behavior plays and is collected; from training to a dataset file, all of it real."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from collection.actor import Actor
from collection.behaviors import BEHAVIORS, BehaviorOptions, find_behavior
from collection.cli import main
from collection.collect import collect
from collection.errors import DatasetExistsError, InvalidSettingError, NotCollectableError
from collection.players import PolicyBehavior
from collection.policy_files import read_policy, write_policy
from collection.replay_files import open_replay, shipped_replay
from collection.sac.run_folder import RunFolder
from collection.sac.train import train
from collection.selection import select_tiers
from collection.tiers import TIERS
from tests.collection.conftest import MEDIUM, REPLAY, small_training
from vd4rl_data.dataset import load_dataset
from vd4rl_data.ids import parse_id
from vd4rl_data.registry import DATASETS, TASKS, get_dataset_spec, get_task_spec, list_datasets
from vd4rl_data.seeding import COLLECTION_RECIPE
from vd4rl_data.simulators import Simulation
from vd4rl_data.spec import DatasetSpec
from vd4rl_data.storage import open_dataset, write_dataset
from vd4rl_data.suites.policies import LATE_REPLAY

LAYOUT = (("orientations", 14), ("height", 1), ("velocity", 9))


@pytest.fixture
def policy(tmp_path: Path, make_actor: Callable[..., Actor]) -> Path:
    path = tmp_path / "policy.safetensors"
    write_policy(
        path,
        make_actor(),
        task="walker_walk_short",
        tier="medium",
        observations=LAYOUT,
        training={"algorithm": "SAC"},
    )
    return path


@pytest.fixture(scope="module")
def run(rows: list[DatasetSpec], tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A short training run, and levels low enough for it to reach."""
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(TASKS, rows[0].task.name, rows[0].task)
        settings = small_training(rows[0].task.name, steps=2000)
        return train(settings, tmp_path_factory.mktemp("run"))


def test_behaviors_have_the_registry_s_names() -> None:
    of_rows = {spec.behavior for spec in list_datasets() if not spec.parts}
    assert {"random", "medium_replay", "medium", "expert", "scripted", "demos"} <= of_rows
    assert set(BEHAVIORS) == of_rows


@pytest.mark.parametrize("deterministic", [False, True])
def test_a_policy_acts(policy: Path, deterministic: bool) -> None:
    task = get_task_spec("walker_walk_short")
    behavior, same, another = (
        find_behavior(task, "medium", BehaviorOptions(policy, deterministic, seed))
        for seed in (0, None, 1)
    )
    assert behavior.description["sha256"] == read_policy(policy).sha256
    simulation = Simulation(task)
    first, again, other = (
        player.play(simulation, episode=1) for player in (behavior, same, another)
    )
    np.testing.assert_array_equal(first.actions, again.actions)
    assert not np.array_equal(first.actions, other.actions)
    actor = read_policy(policy).actor
    modes = actor.mode(first.states[:-1])
    assert np.allclose(first.actions, modes, atol=1e-5) == deterministic
    simulation.close()


@pytest.mark.render
def test_a_policy_is_collected(policy: Path, tmp_path: Path) -> None:
    options = BehaviorOptions(policy)
    made = collect(MEDIUM, tmp_path, options=options, workers=2, show_progress=False)
    about = made.manifest.provenance.behavior_policy
    assert about["sha256"] == read_policy(policy).sha256
    assert about["deterministic"] is False
    assert made.manifest.origin == "regenerated"
    episode = load_dataset(made.path)[0]
    simulation = Simulation("walker_walk_short")
    behavior = PolicyBehavior(read_policy(policy))
    played = behavior.play(simulation, episode=0)
    np.testing.assert_array_equal(episode.actions, played.actions)
    np.testing.assert_array_equal(
        episode.observations[-1], simulation.render_state(played.physics_states[-1], 16)
    )
    simulation.close()
    other = BehaviorOptions(policy, deterministic=True)
    with pytest.raises(DatasetExistsError, match="deterministic: expected True, got False"):
        collect(MEDIUM, tmp_path, options=other, show_progress=False)


@pytest.mark.render
def test_a_replays_file_of_an_older_recipe_is_found(
    run: RunFolder, tmp_path: Path, rows: list[DatasetSpec]
) -> None:
    """Version 1 named a seed there, too, although the replay decides everything."""
    select_tiers(run, tmp_path / "tiers", tiers=("medium",), level=0.0)
    options = BehaviorOptions(tmp_path / f"tiers/replays/{rows[0].task.name}.h5")
    made = collect(REPLAY, tmp_path, options=options, episodes=2, show_progress=False)
    recipe = {**made.manifest.provenance.recipe, "seed": 0, "seeding": "SeedSequence(...)"}
    provenance = dataclasses.replace(made.manifest.provenance, recipe=recipe)
    stored = open_dataset(made.path)
    spec = get_dataset_spec(REPLAY)
    episodes = list(stored.episodes())
    write_dataset(made.path, spec, episodes, stored.lengths, provenance, replace=True)
    assert collect(REPLAY, tmp_path, options=options, episodes=2, show_progress=False).found


@pytest.fixture
def late_row(rows: list[DatasetSpec], monkeypatch: pytest.MonkeyPatch) -> None:
    """A row of the catalog that is a late replay."""
    name = "Test/walker_walk_short-medium_expert-16px-v0"
    late = dataclasses.replace(
        get_dataset_spec(REPLAY), id=parse_id(name), num_transitions=200, collected_by=LATE_REPLAY
    )
    monkeypatch.setitem(DATASETS, name, late)


@pytest.mark.usefixtures("late_row")
def test_a_late_replay_begins_where_the_policy_was_medium(
    run: RunFolder, tmp_path: Path, rows: list[DatasetSpec]
) -> None:
    """LOMPO's ``medium_expert``: the second half of the replay buffer."""
    task = rows[0].task
    selected = select_tiers(run, tmp_path, tiers=("medium",), level=0.0)
    (medium,) = selected.choices
    replay = open_replay(tmp_path / f"replays/{task.name}-late.h5")
    recorded = [item.trajectory for item in run.episodes(range(200, 2200, 200))]
    first = medium.environment_steps // (task.horizon)
    assert len(replay) == 20
    assert "after the medium checkpoint" in replay.training["rule"]
    behavior = find_behavior(task, LATE_REPLAY, BehaviorOptions(tmp_path))
    simulation = Simulation(task)
    played = behavior.play(simulation, episode=3)
    np.testing.assert_array_equal(played.actions, recorded[first + 3].actions)
    simulation.close()


@pytest.mark.usefixtures("late_row")
@pytest.mark.parametrize("count", [1, 3])
def test_a_late_replay_is_thinned_too(
    count: int, run: RunFolder, tmp_path: Path, rows: list[DatasetSpec]
) -> None:
    """Of the episodes that a whole one would have, in order."""
    file = f"replays/{rows[0].task.name}-late.h5"
    whole, thin = (tmp_path / folder for folder in ("whole", "thin"))
    select_tiers(run, whole, tiers=("medium",), level=0.0)
    select_tiers(run, thin, tiers=("medium",), level=0.0, replay_episodes=count)
    every, some = open_replay(whole / file).returns, open_replay(thin / file)
    numbers = [number * len(every) // count for number in range(count)]
    assert some.training["thinned"] == {"of": len(every), "episodes": numbers}
    np.testing.assert_array_equal(some.returns, every[numbers])


@pytest.mark.parametrize("count", [1, 7, 10])
def test_a_thinned_replay_is_spread_over_training_up_to_medium(
    count: int, run: RunFolder, tmp_path: Path, rows: list[DatasetSpec]
) -> None:
    selected = select_tiers(
        run, tmp_path, tiers=("medium",), level=0.0, replay_episodes=count, replace=True
    )
    (medium,) = selected.choices
    recorded = [
        item.trajectory for item in run.episodes(range(200, medium.environment_steps + 1, 200))
    ]
    replay = open_replay(tmp_path / f"replays/{rows[0].task.name}.h5")
    numbers = replay.training["thinned"]["episodes"]
    assert replay.training["thinned"]["of"] == len(recorded)
    assert f"{count} of the {len(recorded)} episodes" in replay.training["rule"]
    assert len(replay) == len(selected.replay_returns) == count
    assert numbers[0] == 0
    gaps = np.diff([*numbers, len(recorded)])
    assert gaps.min() >= 1
    assert gaps.max() - gaps.min() <= 1
    np.testing.assert_array_equal(
        replay.returns, [recorded[number].episode_return for number in numbers]
    )
    with pytest.raises(InvalidSettingError, match=f"at most {len(recorded)}, the episodes up to"):
        select_tiers(run, tmp_path, tiers=("medium",), level=0.0, replay_episodes=1000)
    with pytest.raises(InvalidSettingError, match="replay_episodes: applies only to"):
        select_tiers(run, tmp_path, tiers=("expert",), replay_episodes=count)


@pytest.mark.parametrize("count", [None, 3])
def test_a_replay_is_cut_without_a_policy(
    count: int | None, run: RunFolder, tmp_path: Path, rows: list[DatasetSpec]
) -> None:
    """The episodes that are cut along with a policy, or some of them, evenly spread."""
    file = f"replays/{rows[0].task.name}.h5"
    select_tiers(run, tmp_path / "medium", tiers=("medium",), level=0.0)
    whole = open_replay(tmp_path / "medium" / file)
    selected = select_tiers(run, tmp_path, tiers=("replay",), replay_episodes=count)
    assert not selected.choices
    replay = open_replay(tmp_path / file)
    taken = range(len(whole))
    if count is not None:
        taken = [number * len(whole) // count for number in range(count)]
        assert replay.training["thinned"] == {"of": len(whole), "episodes": taken}
    np.testing.assert_array_equal(replay.returns, whole.returns[list(taken)])
    assert not (tmp_path / "policies").exists()


@pytest.mark.render
def test_from_training_to_datasets(run: RunFolder, tmp_path: Path, rows: list[DatasetSpec]) -> None:
    task = rows[0].task.name
    selected = select_tiers(run, tmp_path / "tiers", level=0.0)
    policies = {tier: tmp_path / f"tiers/policies/{task}-{tier}.safetensors" for tier in TIERS}
    replay = tmp_path / f"tiers/replays/{task}.h5"
    assert set(policies.values()) | {replay} < set(selected.files)
    for choice in selected.choices:
        read = read_policy(policies[choice.tier])
        assert read.training["checkpoint"]["environment_steps"] == choice.environment_steps
        assert read.training["checkpoint"]["rule"] == dict(choice.rule)
        assert len(read.training["curve"]) == 10
        expected = run.actor(choice.environment_steps)
        np.testing.assert_array_equal(read.actor.weights[0], expected.weights[0])
    recorded = [item.trajectory for item in run.episodes(range(200, 2200, 200))]
    assert len(open_replay(replay)) == 60
    options = BehaviorOptions(replay)
    made = collect(REPLAY, tmp_path, options=options, episodes=3, show_progress=False)
    stored = open_dataset(made.path)
    simulation = Simulation(task)
    for number, episode in enumerate(stored.episodes()):
        trajectory = recorded[number]
        np.testing.assert_array_equal(episode.actions, trajectory.actions)
        np.testing.assert_array_equal(episode.rewards, trajectory.rewards)
        np.testing.assert_array_equal(episode.infos["state"], trajectory.states)
        frame = simulation.render_state(trajectory.physics_states[4], 16)
        np.testing.assert_array_equal(episode.observations[4], frame)
    about = stored.manifest.provenance.behavior_policy
    assert about["training"]["medium"]["tier"] == "medium"
    assert about["training"]["settings"]["recipe_version"] == COLLECTION_RECIPE
    recipe = stored.manifest.provenance.recipe
    assert {"seed", "recipe_version"}.isdisjoint(recipe)  # the replay decides everything
    stored.close()
    simulation.close()


def test_files_that_do_not_fit(policy: Path) -> None:
    short, walker = get_task_spec("walker_walk_short"), get_task_spec("walker_walk")
    with pytest.raises(InvalidSettingError, match="expected a policy of tier expert, got medium"):
        find_behavior(short, "expert", BehaviorOptions(policy))
    with pytest.raises(InvalidSettingError, match="a policy of walker_walk, got walker_walk_short"):
        find_behavior(walker, "medium", BehaviorOptions(policy))
    replay = shipped_replay("cheetah_run")
    with pytest.raises(InvalidSettingError, match="a replay of walker_walk, got cheetah_run"):
        find_behavior(walker, "medium_replay", BehaviorOptions(replay))
    with pytest.raises(NotCollectableError, match=r"expected one of random, .*medium_replay"):
        find_behavior(short, "guessed")


def test_a_policy_is_judged(
    policy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its episodes are those that are collected with it."""
    record = tmp_path / "record.json"
    arguments = ["judge", str(policy), "--episodes", "3", "--workers", "1", "--no-progress"]
    assert main([*arguments, "--json", str(record)]) == 0
    assert "mean" in capsys.readouterr().out
    found = json.loads(record.read_text())
    options = BehaviorOptions(policy)
    made = collect(MEDIUM, tmp_path, episodes=3, options=options, show_progress=False)
    stored = open_dataset(made.path)
    returns = [episode.rewards.sum(dtype=np.float64) for episode in stored.episodes()]
    assert [episode["episode_return"] for episode in found["episodes"]] == returns
    assert found["recipe"]["policy_sha256"] == read_policy(policy).sha256
    assert main([*arguments, "--task", "hopper_hop"]) == 1
    assert "actions of 4 dimensions for hopper_hop" in capsys.readouterr().err


def test_commands(
    policy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], rows: list[DatasetSpec]
) -> None:
    task = rows[0].task.name
    out = tmp_path / "run"
    arguments = ["train", task, "--steps", "400", "--out", str(out), "--no-progress"]
    assert main(arguments) == 0
    printed = capsys.readouterr().out
    assert f"python -m collection select {out}" in printed
    assert (out / "learning_curve.png").read_bytes().startswith(b"\x89PNG")
    assert main(["select", str(out)]) == 1
    assert "--level" in capsys.readouterr().err
    assert main(["select", str(out), "--level", "0"]) == 1
    assert "train for longer" in capsys.readouterr().err
    stats = ["rollout-stats", task, "--behavior", "medium", "--source", str(policy)]
    assert main([*stats, "--episodes", "3", "--workers", "1", "--no-progress"]) == 0
    assert "mean" in capsys.readouterr().out


def test_a_composite_is_collected_part_by_part(
    policy: Path, rows: list[DatasetSpec], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[str] = []
    monkeypatch.setattr("collection.cli.collect", lambda name, *_, **__: asked.append(name))
    monkeypatch.setattr("collection.cli.print_made", lambda *_: None)
    assert main(["collect", "VD4RL/walker_walk-medium_expert-64px-v0", "--out", str(tmp_path)]) == 0
    assert asked == ["VD4RL/walker_walk-medium-64px-v0", "VD4RL/walker_walk-expert-64px-v0"]
