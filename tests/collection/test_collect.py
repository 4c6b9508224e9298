"""Collecting: the same bytes whoever renders, prefixes, growing, files that are there already."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from collection.behaviors import BehaviorOptions
from collection.collect import collect
from collection.errors import DatasetExistsError, InvalidSettingError, NotCollectableError
from collection.pipeline import Made
from collection.plan import parts_folder
from collection.players import make_uniform_policy
from collection.recipes import find_recipe
from collection.rollout import rollout
from tests.collection.conftest import MEDIUM
from vd4rl_data.dataset import load_dataset
from vd4rl_data.envs import PixelEnv
from vd4rl_data.errors import (
    DatasetFormatError,
    DatasetLockedError,
    InvalidIdError,
    UnknownDatasetError,
)
from vd4rl_data.evaluation import episode_seed
from vd4rl_data.registry import get_dataset_spec, list_datasets
from vd4rl_data.seeding import Purpose, word
from vd4rl_data.simulators import Simulation
from vd4rl_data.spec import DatasetSpec
from vd4rl_data.storage import PartStore, open_dataset, verify_dataset, write_dataset
from vd4rl_data.storage.atomic import write_lock
from vd4rl_data.storage.naming import sidecar_path

RANDOM = "Test/walker_walk_short-random-16px-v0"
SAMPLE = "Test/walker_walk_short-random-sample-16px-v0"
EPISODES, TIME_STEPS = 4, 10


def _copy(made: Made, root: Path) -> Path:
    """A data folder that holds a copy of a dataset."""
    target = root / made.path.relative_to(made.path.parents[1])
    target.parent.mkdir(parents=True)
    for source in (made.path, sidecar_path(made.path)):
        shutil.copy(source, target.with_name(source.name))
    return target


def _assert_equal_files(path: Path, other: Path) -> None:
    assert path.read_bytes() == other.read_bytes()
    assert sidecar_path(path).read_bytes() == sidecar_path(other).read_bytes()
    assert not parts_folder(path).exists()


@pytest.mark.render
def test_the_file_is_sound_and_says_how_it_was_made(baseline: Made) -> None:
    assert verify_dataset(baseline.path).problems == ()
    manifest = baseline.manifest
    assert (manifest.num_episodes, manifest.num_transitions) == (EPISODES, EPISODES * TIME_STEPS)
    assert manifest.complete
    provenance = manifest.provenance
    assert provenance.origin == "regenerated"
    assert provenance.behavior_policy == {"name": "random", "distribution": "uniform(-1, 1)"}
    assert provenance.renderer not in ("", "unknown")
    expected = {"vd4rl_data", "numpy", "mujoco", "dm_control", "gymnasium", "h5py", "python"}
    assert set(provenance.versions) == expected
    command = f"python -m collection collect {RANDOM} --episodes 4 --seed 0"
    assert provenance.recipe["command"] == command
    assert "workers" not in str(provenance.recipe)
    assert str(baseline.path.parent) not in manifest.to_json()
    assert baseline.frames == EPISODES * (TIME_STEPS + 1)
    assert len(manifest.fingerprint_rows) == 4


@pytest.mark.render
@pytest.mark.parametrize("workers", [2, 3])
def test_the_number_of_workers_changes_no_byte(
    workers: int, baseline: Made, tmp_path: Path
) -> None:
    made = collect(RANDOM, tmp_path, workers=workers, show_progress=False)
    assert made.workers == workers
    _assert_equal_files(made.path, baseline.path)


@pytest.mark.render
def test_fewer_episodes_are_the_first_ones_and_can_be_added_to(
    baseline: Made, tmp_path: Path
) -> None:
    short = collect(RANDOM, tmp_path, episodes=2, workers=2, show_progress=False)
    assert not short.manifest.complete
    stored, whole = open_dataset(short.path), open_dataset(baseline.path)
    for key in whole.keys:
        rows = 2 * (TIME_STEPS + 1)
        np.testing.assert_array_equal(stored.array(key), whole.array(key)[:rows], err_msg=key)
    grown = collect(RANDOM, tmp_path, episodes=4, show_progress=False)
    assert grown.frames == 2 * (TIME_STEPS + 1)
    _assert_equal_files(grown.path, baseline.path)


@pytest.mark.render
def test_the_sample_holds_the_first_episodes(baseline: Made, tmp_path: Path) -> None:
    made = collect(SAMPLE, tmp_path, show_progress=False)
    assert made.manifest.origin == "sample"
    sample, whole = open_dataset(made.path), open_dataset(baseline.path)
    assert len(sample) == 2
    assert [sample.checksum(number) for number in range(2)] == [
        whole.checksum(number) for number in range(2)
    ]


@pytest.mark.render
def test_frames_and_rewards_are_those_of_the_evaluation_environment(baseline: Made) -> None:
    episode = open_dataset(baseline.path).episode(1)
    env = PixelEnv(get_dataset_spec(RANDOM).environment)
    try:
        frame, info = env.reset(
            seed=word(Purpose.COLLECTION_RESET, 0, "walker_walk_short", "random", 1)
        )
        for t in range(TIME_STEPS):
            np.testing.assert_array_equal(frame, episode.observations[t])
            np.testing.assert_array_equal(info["physics_state"], episode.infos["physics_state"][t])
            np.testing.assert_array_equal(info["state"], episode.infos["state"][t])
            frame, reward, terminated, truncated, info = env.step(episode.actions[t])
            assert np.float32(reward) == episode.rewards[t]
            assert (terminated, truncated) == (False, t == TIME_STEPS - 1)
        np.testing.assert_array_equal(frame, episode.observations[TIME_STEPS])
    finally:
        env.close()


@pytest.mark.render
def test_an_episode_is_a_function_of_its_seed_and_number(rows: list[DatasetSpec]) -> None:
    simulation = Simulation(rows[0].task)
    try:
        first = {
            key: rollout(
                simulation, make_uniform_policy, behavior="random", seed=key[0], episode=key[1]
            )
            for key in ((0, 0), (0, 1), (1, 0))
        }
        again = rollout(simulation, make_uniform_policy, behavior="random", seed=0, episode=0)
    finally:
        simulation.close()
    for field in dataclasses.fields(again):
        np.testing.assert_array_equal(getattr(again, field.name), getattr(first[0, 0], field.name))
    for other in ((0, 1), (1, 0)):
        assert not np.array_equal(first[other].actions, first[0, 0].actions)
        assert not np.array_equal(first[other].physics_states[0], first[0, 0].physics_states[0])
    assert np.abs(again.actions).max() <= 1.0
    assert again.actions.std() > 0.4  # uniform on [-1, 1]: 0.577


def test_each_behavior_starts_and_draws_on_its_own(rows: list[DatasetSpec]) -> None:
    """Once, all behaviors of a task shared initial states and noise, episode by episode."""
    simulation = Simulation(rows[0].task)
    try:
        played = [
            rollout(simulation, make_uniform_policy, behavior=behavior, seed=0, episode=episode)
            for behavior in ("random", "medium", "expert")
            for episode in range(2)
        ]
    finally:
        simulation.close()
    assert len({trajectory.physics_states[0].tobytes() for trajectory in played}) == len(played)
    assert len({trajectory.actions.tobytes() for trajectory in played}) == len(played)


def test_no_evaluation_episode_starts_as_a_collected_one(rows: list[DatasetSpec]) -> None:
    """Once, episode 0 of both was one and the same."""
    simulation = Simulation(rows[0].task)
    starts: set[bytes] = set()
    try:
        for episode in range(3):
            played = rollout(
                simulation, make_uniform_policy, behavior="random", seed=0, episode=episode
            )
            starts.add(played.physics_states[0].tobytes())
        for episode in range(3):
            simulation.reset(episode_seed(0, episode))
            assert simulation.physics_state.tobytes() not in starts
    finally:
        simulation.close()


class TestAFileThatIsThere:
    """What happens if the file is there already."""

    pytestmark = pytest.mark.render

    def test_a_finished_one_is_left_alone(self, baseline: Made, tmp_path: Path) -> None:
        path = _copy(baseline, tmp_path)
        before = path.stat()
        parts_folder(path).mkdir()  # a run killed while it removed them
        for episodes in (None, 3):
            found = collect(RANDOM, tmp_path, episodes=episodes, show_progress=False)
            assert found.found
            assert found.manifest.to_json() == baseline.manifest.to_json()
        assert (path.stat().st_mtime_ns, path.stat().st_ino) == (before.st_mtime_ns, before.st_ino)
        _assert_equal_files(path, baseline.path)

    def test_a_missing_sidecar_is_written_again(self, baseline: Made, tmp_path: Path) -> None:
        path = _copy(baseline, tmp_path)
        sidecar_path(path).unlink()
        assert collect(RANDOM, tmp_path, show_progress=False).found
        _assert_equal_files(path, baseline.path)

    def test_a_damaged_one_is_told_and_made_again_on_demand(
        self, baseline: Made, tmp_path: Path
    ) -> None:
        path = _copy(baseline, tmp_path)
        content = bytearray(path.read_bytes())
        first_pixel = open_dataset(path).shards[0].header.extents[0][0]
        content[first_pixel] ^= 1
        path.write_bytes(content)
        with pytest.raises(DatasetExistsError, match=r"damaged.*SHA-256.*--overwrite"):
            collect(RANDOM, tmp_path, show_progress=False)
        made = collect(RANDOM, tmp_path, workers=2, overwrite=True, show_progress=False)
        assert not made.found
        _assert_equal_files(made.path, baseline.path)

    def test_one_with_other_settings_is_refused(self, baseline: Made, tmp_path: Path) -> None:
        path = _copy(baseline, tmp_path)
        with pytest.raises(DatasetExistsError, match=r"seed: expected 1, got 0.*--overwrite"):
            collect(RANDOM, tmp_path, options=BehaviorOptions(seed=1), show_progress=False)
        shutil.copy(path, tmp_path / f"{SAMPLE}.h5")
        with pytest.raises(DatasetExistsError, match="dataset_id: expected"):
            collect(SAMPLE, tmp_path, show_progress=False)
        _assert_equal_files(path, baseline.path)

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"renderer": "another"}, "rendered by 'another'"),
            ({"versions": {"mujoco": "2.1.0"}}, "made differently.*dm_control: expected"),
        ],
        ids=["renderer", "versions"],
    )
    def test_one_drawn_elsewhere_is_not_added_to(
        self, changes: dict[str, Any], message: str, baseline: Made, tmp_path: Path
    ) -> None:
        whole = open_dataset(baseline.path)
        path = tmp_path / f"{RANDOM}.h5"
        path.parent.mkdir()
        provenance = dataclasses.replace(baseline.manifest.provenance, **changes)
        episodes = [whole.episode(number) for number in range(2)]
        spec = get_dataset_spec(RANDOM)
        write_dataset(path, spec, episodes, whole.lengths[:2], provenance)
        with pytest.raises(DatasetExistsError, match=message):
            collect(RANDOM, tmp_path, show_progress=False)
        assert len(open_dataset(path)) == 2

    def test_one_of_an_older_recipe_is_read_and_not_added_to(
        self, baseline: Made, tmp_path: Path
    ) -> None:
        """Version 1 had a text where version 2 counts: its episodes started otherwise."""
        whole, path = open_dataset(baseline.path), tmp_path / f"{RANDOM}.h5"
        recipe = {**baseline.manifest.provenance.recipe, "seeding": "SeedSequence((seed, episode))"}
        del recipe["recipe_version"]
        provenance = dataclasses.replace(baseline.manifest.provenance, recipe=recipe)
        path.parent.mkdir()
        spec = get_dataset_spec(RANDOM)
        write_dataset(path, spec, [whole.episode(0)], whole.lengths[:1], provenance)
        before = path.read_bytes()
        assert len(load_dataset(RANDOM, root=tmp_path, source="local")) == 1
        with pytest.raises(DatasetExistsError, match="recipe_version: expected 2, got 1"):
            collect(RANDOM, tmp_path, show_progress=False)
        assert path.read_bytes() == before

    def test_something_else_is_refused(self, tmp_path: Path) -> None:
        path = tmp_path / f"{RANDOM}.h5"
        path.parent.mkdir()
        path.write_text("notes")
        with pytest.raises(DatasetExistsError, match="expected a vd4rl-data dataset file"):
            collect(RANDOM, tmp_path, show_progress=False)
        assert path.read_text() == "notes"


@pytest.mark.render
def test_parts_of_other_settings_are_refused_and_kept(tmp_path: Path) -> None:
    folder = parts_folder(tmp_path / f"{RANDOM}.h5")
    PartStore(folder, {"seed": "another"})
    with pytest.raises(DatasetFormatError, match=r"got parts of .*another"):
        collect(RANDOM, tmp_path, show_progress=False)
    assert folder.is_dir()


@pytest.mark.parametrize("locked", ["parts", "file"])
def test_two_writers_never_meet(locked: str, tmp_path: Path) -> None:
    path = tmp_path / f"{RANDOM}.h5"
    with (
        write_lock(parts_folder(path) if locked == "parts" else path),
        pytest.raises(DatasetLockedError, match="another process"),
    ):
        collect(RANDOM, tmp_path, show_progress=False)


@pytest.mark.parametrize(
    ("dataset_id", "error", "message"),
    [
        ("VD4RL/walker_walk-random-64px", InvalidIdError, "v0"),
        ("VD4RL/walker_walk-randm-64px-v0", InvalidIdError, "Did you mean 'random'"),
        ("VD4RL/walker_wlk-random-64px-v0", UnknownDatasetError, "Did you mean .*walker_walk-"),
        (MEDIUM, NotCollectableError, "collection train walker_walk_short"),
        (
            "VD4RL/walker_walk-medium_expert-64px-v0",
            NotCollectableError,
            "medium-64px.*expert-64px",
        ),
    ],
)
def test_ids_that_cannot_be_collected(
    dataset_id: str, error: type[Exception], message: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=message):
        collect(dataset_id, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("setting", ["episodes", "workers"])
def test_numbers_out_of_range(setting: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidSettingError, match=f"{setting}: expected at least"):
        collect(RANDOM, tmp_path, **{setting: -1})
    assert list(tmp_path.iterdir()) == []


def test_every_random_dataset_has_a_recipe() -> None:
    for spec in list_datasets(behavior="random"):
        if spec.parts:
            continue  # never stored itself
        recipe = find_recipe(spec)
        assert recipe.origin == ("sample" if spec.bundled or spec.name == SAMPLE else "regenerated")
