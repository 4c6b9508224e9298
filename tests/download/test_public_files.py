"""The public files of the main datasets, against what the papers and the registry say."""

from __future__ import annotations

import re

import pytest

from vd4rl_data.download.public_files import (
    REVISION,
    public_source,
)
from vd4rl_data.ids import LEVELS
from vd4rl_data.registry import get_dataset_spec, list_datasets
from vd4rl_data.suites.vd4rl_files import official_files

SAFE = re.compile(r"(?:[A-Za-z0-9_][A-Za-z0-9_.-]*/)*[A-Za-z0-9_][A-Za-z0-9_.-]*")
"""Paths that stay below the folder that they are fetched into, on every system."""
MAIN = [spec for spec in list_datasets(suite="VD4RL") if spec.id.variant is None]
STORED = [spec for spec in MAIN if not spec.parts]
COMPOSED = [spec for spec in MAIN if spec.parts]


def of(name: str):
    source = public_source(get_dataset_spec(name))
    assert source is not None
    return source


@pytest.mark.parametrize("spec", MAIN, ids=lambda spec: spec.name)
def test_every_main_dataset_has_files_with_safe_and_distinct_names(spec) -> None:
    source = of(spec.name)
    assert all(SAFE.fullmatch(file.path) for file in source.files)
    assert len({file.path.casefold() for file in source.files}) == len(source.files)
    assert source.repo_id == "conglu/vd4rl"
    assert source.revision == REVISION
    assert len(REVISION) == 40
    assert source.complete == (source.num_episodes == spec.num_episodes)
    assert str(source.num_episodes) in source.note


@pytest.mark.parametrize("spec", STORED, ids=lambda spec: spec.name)
def test_the_files_lie_where_the_id_says(spec) -> None:
    folder = f"vd4rl/main/{spec.id.task}/{spec.id.behavior}/{spec.size}px/"
    ending = ".hdf5" if spec.size == 84 else ".npz"
    for file in of(spec.name).files:
        assert file.path.startswith(folder)
        assert file.path.endswith(ending)
        assert "/" not in file.path.removeprefix(folder)


@pytest.mark.parametrize("spec", [spec for spec in STORED if spec.size == 84], ids=str)
def test_every_shard_has_its_size_and_hash(spec) -> None:
    source = of(spec.name)
    assert source.complete
    assert all(file.num_bytes and file.sha256 for file in source.files)
    assert source.num_bytes == sum(file.num_bytes or 0 for file in source.files)


def test_all_hashed_shards_are_used_once() -> None:
    used = [file.sha256 for spec in STORED if spec.size == 84 for file in of(spec.name).files]
    assert sorted(used, key=str) == sorted(file.sha256 for file in official_files())


@pytest.mark.parametrize("spec", [spec for spec in STORED if spec.size == 64], ids=str)
def test_at_64_px_a_hundred_episodes_are_public(spec) -> None:
    source = of(spec.name)
    assert len(source.files) == source.num_episodes == 100
    assert source.num_episodes < spec.num_episodes
    assert not source.complete
    assert source.num_bytes is None
    assert f"100 of {spec.num_episodes} episodes" in source.note


@pytest.mark.parametrize("spec", COMPOSED, ids=lambda spec: spec.name)
def test_a_composite_is_its_parts_in_turn(spec) -> None:
    source = of(spec.name)
    medium, expert = (of(name) for name in spec.parts)
    assert source.files == medium.files + expert.files
    assert source.num_episodes == medium.num_episodes + expert.num_episodes
    assert not any("medium_expert" in file.path for file in source.files)
    assert f"composed of {spec.parts[0]} and {spec.parts[1]}" in source.note


@pytest.mark.parametrize(
    ("name", "megabytes"),
    [
        # The sums that the public table of sizes gives, in MB.
        ("walker_walk-random", 476.5),
        ("walker_walk-medium_replay", 465.5),
        ("walker_walk-expert", 485.1),
        ("cheetah_run-medium_expert", 569.5),
        ("humanoid_walk-medium_replay", 4848.1),
    ],
)
def test_known_totals(name: str, megabytes: float) -> None:
    total = of(f"VD4RL/{name}-84px-v0").num_bytes
    assert total is not None
    assert round(total / 1e6, 1) == megabytes


def test_the_known_broken_file_is_listed() -> None:
    files = of("VD4RL/humanoid_walk-medium_replay-64px-v0").files
    assert any("20220312T003842-69d22cdfea1d46b3af6afcd89260630d-500" in f.path for f in files)


@pytest.mark.parametrize("task", ["walker_walk", "cheetah_run"])
def test_files_of_several_bodies(task: str) -> None:
    """The numbers in the names are the levels of the training bodies, B, C, F, G."""
    robot = task.partition("_")[0]
    for behavior in ("medium", "expert"):
        source = of(f"VD4RL/{task}-{behavior}-multitask-84px-v0")
        folder = f"vd4rl/multitask/{task}_medium_expert/84px"
        expected = [f"{folder}/{robot}_{behavior}_{level}.hdf5" for level in (2, 3, 6, 7)]
        assert [file.path for file in source.files] == expected
        assert source.num_bytes is None
        assert "if they are as large as the paper says" in source.note
    both = of(f"VD4RL/{task}-medium_expert-multitask-84px-v0")
    assert (len(both.files), both.num_episodes, both.complete) == (8, 2000, True)
    random = of(f"VD4RL/{task}-random-multitask-64px-v0")
    assert (len(random.files), random.num_episodes, random.complete) == (100, 100, False)
    assert all(f"/multitask/{task}_random/64px/" in file.path for file in random.files)


@pytest.mark.parametrize("level", LEVELS)
def test_files_of_distracted_data(level: str) -> None:
    """Halves of medium_expert share a folder; names end in the mean return."""
    both = of(f"VD4RL/cheetah_run-medium_expert-distracting_{level}_100-84px-v0")
    assert (both.num_episodes, both.complete) == (2000, True)
    folder = f"vd4rl/distracting/cheetah_medium_expert/84px/{level}"
    rewards = {"medium": (523, 522, 521, 522), "expert": (891, 891, 891, 890)}
    assert [file.path for file in both.files] == [
        f"{folder}/shard_{number}_reward_{reward}.hdf5"
        for half in rewards.values()
        for number, reward in enumerate(half, start=1)
    ]
    random = of(f"VD4RL/walker_walk-random-distracting_{level}_100-64px-v0")
    assert (len(random.files), random.num_episodes, random.complete) == (100, 100, False)
    assert all(f"/distracting/walker_walk_random/64px/{level}/" in f.path for f in random.files)


def test_what_was_never_published_has_no_source() -> None:
    bodies = [spec for spec in list_datasets() if str(spec.id.variant) == "multitask"]
    for spec in bodies:
        published = (spec.id.behavior == "random") == (spec.size == 64)
        assert (public_source(spec) is not None) == published
    looks = [spec for spec in list_datasets() if str(spec.id.variant).startswith("distracting")]
    for spec in looks:
        words = spec.id.variant
        assert words is not None
        plain = spec.parts == ("VD4RL/walker_walk-random-64px-v0",)
        published = plain or (words.media is None and words.percent == 100)
        assert (public_source(spec) is not None) == published, spec.name
    others = [spec for spec in list_datasets() if spec not in [*MAIN, *bodies, *looks]]
    assert others
    assert all(public_source(spec) is None for spec in others)


def test_an_address_is_that_of_the_pinned_revision() -> None:
    source = of("VD4RL/walker_walk-random-84px-v0")
    assert source.url("http://127.0.0.1:1/", source.files[0].path) == (
        f"http://127.0.0.1:1/datasets/conglu/vd4rl/resolve/{REVISION}"
        "/vd4rl/main/walker_walk/random/84px/0.hdf5"
    )
