"""Every dataset id is an environment id."""

from __future__ import annotations

import dataclasses
import importlib
import json
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec
from gymnasium.vector import AsyncVectorEnv, SyncVectorEnv
from gymnasium.wrappers import FrameStackObservation
from gymnasium.wrappers.vector import RecordEpisodeStatistics

from vd4rl_data.dataset import dataset_id_of, get_dataset, load_dataset
from vd4rl_data.envs import (
    OfflineDataset,
    PixelEnv,
    find_env_spec,
    find_environments,
    make_env,
    register_environment,
    register_environments,
)
from vd4rl_data.errors import InvalidIdError, NoScoreError, UnknownDatasetError
from vd4rl_data.registry import DATASETS, TASKS, get_dataset_spec, get_task_spec
from vd4rl_data.spec import ORIGINAL, DatasetSpec, EnvironmentSpec, ReturnScore

ID = "VD4RL/walker_walk-medium_expert-64px-v0"
SAMPLE = "VD4RL/walker_walk-random-sample-64px-v0"


@pytest.fixture(params=DATASETS)
def spec(request: pytest.FixtureRequest) -> DatasetSpec:
    return DATASETS[request.param]


def test_every_id_makes_its_environment(spec: DatasetSpec) -> None:
    env = gymnasium.make(spec.name)
    assert type(env) is OfflineDataset
    assert type(env.unwrapped) is PixelEnv
    assert env.dataset_spec is spec
    assert env.observation_space.shape == spec.observation_shape
    assert env.action_space.shape == (spec.task.action_size,)
    assert env.spec is not None
    assert env.spec.max_episode_steps == spec.task.time_steps
    if isinstance(spec.score, ReturnScore):
        assert env.get_normalized_score(spec.score.high) == 1.0
    else:
        with pytest.raises(NoScoreError):
            env.get_normalized_score(1.0)
    env.close()


def test_every_spec_survives_json(spec: DatasetSpec) -> None:
    env = gymnasium.make(spec.name)
    assert env.spec is not None
    text = env.spec.to_json()
    json.loads(text)
    again = gymnasium.make(EnvSpec.from_json(text))
    assert again.spec == env.spec
    assert isinstance(again, OfflineDataset)


def test_registering_again_is_silent_and_changes_nothing(
    recwarn: pytest.WarningsRecorder, capsys: pytest.CaptureFixture[str]
) -> None:
    before = dict(gymnasium.registry)
    register_environments()
    assert dict(gymnasium.registry) == before
    assert not recwarn
    assert capsys.readouterr() == ("", "")


def test_a_row_of_your_own(monkeypatch: pytest.MonkeyPatch) -> None:
    row = dataclasses.replace(DATASETS[ID], id=dataclasses.replace(DATASETS[ID].id, suite="Mine"))
    monkeypatch.setitem(DATASETS, row.name, row)
    register_environment(row)
    try:
        env = gymnasium.make(row.name)
        assert isinstance(env, OfflineDataset)
        assert env.dataset_spec is row
        other = dataclasses.replace(
            row, evaluations={ORIGINAL: (EnvironmentSpec(TASKS["cheetah_run"], 64),)}
        )
        with pytest.raises(ValueError, match="already registered"):
            register_environment(other)
    finally:
        del gymnasium.registry[row.name]


def test_make_through_the_module_name() -> None:
    assert isinstance(gymnasium.make(f"vd4rl_data:{ID}"), OfflineDataset)


def test_the_dataset_methods_ask_for_their_own_id(monkeypatch: pytest.MonkeyPatch) -> None:
    import vd4rl_data.dataset

    asked: list[tuple[str, dict[str, object]]] = []

    def record(dataset_id: str, **options: object) -> dict[str, object]:
        asked.append((dataset_id, options))
        return {}

    monkeypatch.setattr(vd4rl_data.dataset, "get_dataset", record)
    monkeypatch.setattr(vd4rl_data.dataset, "load_dataset", record)
    env = gymnasium.make(ID)
    env.get_wrapper_attr("get_dataset")(max_episodes=2)
    env.get_wrapper_attr("load_dataset")(source="local")
    assert asked == [(ID, {"max_episodes": 2}), (ID, {"source": "local"})]


def test_scores_of_many_returns() -> None:
    env = gymnasium.make(ID)
    scores = env.get_wrapper_attr("get_normalized_score")(np.array([0.0, 500.0]))
    np.testing.assert_array_equal(scores, [0.0, 0.5])


@pytest.mark.render
def test_a_vector_of_environments() -> None:
    envs = gymnasium.make_vec(ID, num_envs=2, vectorization_mode="sync")
    observations, _ = envs.reset(seed=4)
    assert observations.shape == (2, 64, 64, 3)
    assert not np.array_equal(observations[0], observations[1])
    assert envs.call("get_normalized_score", 250.0) == (0.25, 0.25)
    single = gymnasium.make(find_env_spec(envs))
    np.testing.assert_array_equal(single.reset(seed=5)[0], observations[1])
    envs.close()
    single.close()


@pytest.mark.parametrize("kind", [SyncVectorEnv, AsyncVectorEnv])
def test_a_vector_made_by_hand_stands_for_its_environments(kind: Any) -> None:
    def make() -> Any:
        importlib.import_module("vd4rl_data")  # a process that was spawned has not
        return gymnasium.make(SAMPLE, max_episode_steps=7)

    envs = kind([make] * 2)
    wrapped = RecordEpisodeStatistics(envs)
    try:
        assert envs.spec is None
        assert find_env_spec(envs) == find_env_spec(gymnasium.make(SAMPLE, max_episode_steps=7))
        assert find_environments(envs)[0].task.name == "walker_walk"
        for vector in (envs, wrapped):
            assert dataset_id_of(vector) == SAMPLE
            assert load_dataset(vector).id == SAMPLE
            assert get_dataset(vector)["rewards"].shape == (1002,)
        with pytest.raises(ValueError, match=r"wrappers around a vector .*\(env\.unwrapped\)"):
            find_env_spec(wrapped)
        assert find_env_spec(wrapped.unwrapped).id == SAMPLE
    finally:
        wrapped.close()


def test_vectors_that_stand_for_nothing_or_for_several() -> None:
    other = SAMPLE.replace("random-sample", "random")
    mixed = SyncVectorEnv([lambda: gymnasium.make(SAMPLE), lambda: gymnasium.make(other)])
    with pytest.raises(UnknownDatasetError, match=f"a vector of {other}, {SAMPLE}; pass one"):
        dataset_id_of(mixed)
    with pytest.raises(ValueError, match="environments with different specs"):
        find_env_spec(mixed)
    bare = SyncVectorEnv([lambda: PixelEnv(get_dataset_spec(ID).environment)])
    with pytest.raises(UnknownDatasetError, match=r"made by gymnasium\.make, got SyncVectorEnv"):
        dataset_id_of(bare)
    with pytest.raises(ValueError, match="has no spec"):
        find_env_spec(bare)
    for envs in (mixed, bare):
        envs.close()


def test_an_environment_stands_for_its_dataset() -> None:
    with gymnasium.make(SAMPLE) as env:
        assert load_dataset(env).id == SAMPLE


def test_the_way_back_to_a_spec_and_a_task() -> None:
    env = gymnasium.make(ID, render_mode="rgb_array", max_episode_steps=7)
    spec = find_env_spec(env)
    assert spec.max_episode_steps == 7
    assert "render_mode" not in spec.kwargs
    assert find_env_spec(ID) == gymnasium.spec(ID)
    assert find_environments(ID) == find_environments(env) == (get_dataset_spec(ID).environment,)
    hopper = make_env("hopper_hop", 48)
    assert find_environments(hopper) == (EnvironmentSpec(get_task_spec("hopper_hop"), 48),)
    assert gymnasium.make(find_env_spec(hopper)).observation_space == hopper.observation_space
    env.close()


def test_ids_and_environments_that_are_not_ours() -> None:
    with pytest.raises(UnknownDatasetError, match="walker_walk-medium_expert-64px-v0"):
        find_env_spec(ID.replace("walker", "waker"))
    with pytest.raises(InvalidIdError, match="no version"):
        find_env_spec(ID.removesuffix("-v0"))
    with pytest.raises(ValueError, match="no spec"):
        find_env_spec(PixelEnv(get_dataset_spec(ID).environment))
    with pytest.raises(ValueError, match="not an environment of this package"):
        find_environments("CartPole-v1")
    wrapped = gymnasium.make_vec(ID, wrappers=[lambda env: FrameStackObservation(env, 3)])
    with pytest.raises(ValueError, match="wrappers given to make_vec"):
        find_env_spec(wrapped)
    with pytest.raises(ValueError, match="FrameStackObservation"):
        find_environments(FrameStackObservation(gymnasium.make(ID), 3))
