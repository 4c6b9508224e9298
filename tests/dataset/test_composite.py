"""A composite is its parts, wherever they lie, until it is materialized."""

from __future__ import annotations

import dataclasses
import itertools
import logging
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.storage import damage, tiny
from vd4rl_data.dataset import (
    find_fingerprint,
    get_dataset,
    load_dataset,
    locate,
)
from vd4rl_data.episode import Episode
from vd4rl_data.errors import (
    DatasetNotFoundError,
    OutputExistsError,
)
from vd4rl_data.registry import get_dataset_spec
from vd4rl_data.storage import pack, verify_dataset, write_dataset
from vd4rl_data.storage.manifest import ORIGINS
from vd4rl_data.storage.naming import flat_path


def test_a_composite_that_is_missing_is_imported_part_by_part() -> None:
    with pytest.raises(DatasetNotFoundError) as caught:
        load_dataset("VD4RL/walker_walk-medium_expert-64px-v0")
    text = str(caught.value)
    assert "VD4RL/walker_walk-medium-64px-v0 is not on this machine" in text
    assert "vd4rl import FOLDER --id VD4RL/walker_walk-medium-64px-v0" in text
    assert "python -m collection collect VD4RL/walker_walk-medium-64px-v0" in text
    message = locate.not_found_message(
        get_dataset_spec("VD4RL/walker_walk-medium_expert-64px-v0"), None, []
    )
    for part in ("medium", "expert"):
        assert f"vd4rl import FOLDER --id VD4RL/walker_walk-{part}-64px-v0" in message


def test_a_composite_is_its_parts_one_after_the_other(parts: tuple[Path, Path]) -> None:
    dataset = load_dataset(tiny.MEDIUM_EXPERT.name)
    expected = [*tiny.episodes_of((3, 2)), *tiny.episodes_of((1, 4, 2), start=7)]
    assert (dataset.paths, len(dataset), dataset.complete) == (parts, 5, True)
    assert dataset.lengths.tolist() == [3, 2, 1, 4, 2]
    for number, episode in enumerate(expected):
        assert tiny.same(dataset[number], episode)
        assert tiny.same(dataset[number - 5], episode)
    assert [manifest.dataset_id for manifest in dataset.manifests] == [
        tiny.MEDIUM.name,
        tiny.EXPERT.name,
    ]
    with pytest.raises(ValueError, match="has 2 parts; use `manifests`"):
        _ = dataset.manifest
    frames = dataset.columns.frames
    np.testing.assert_array_equal(
        np.asarray(frames), np.concatenate([episode.observations for episode in expected])
    )
    assert dataset.columns.starts.tolist() == [0, 4, 7, 9, 14, 17]


def test_parts_may_lie_in_different_folders_and_layouts(
    parts: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expert = flat_path(tmp_path, tiny.EXPERT.name)
    expert.parent.mkdir(parents=True)
    parts[1].rename(expert)
    shards = pack(expert, shard_raw_bytes=1)
    expert.unlink()
    monkeypatch.setenv("VD4RL_SHARED_DATA_DIRS", str(tmp_path))
    dataset = load_dataset(tiny.MEDIUM_EXPERT.name)
    assert dataset.paths == (parts[0], shards[0])
    assert tiny.same(dataset[3], tiny.episodes_of((1, 4, 2), start=7)[1])


def test_catalog_ids_compose_from_short_local_files(tmp_path: Path) -> None:
    """Two real ids with two short episodes each, at their true size."""
    rng = np.random.default_rng(0)
    for behavior in ("medium", "expert"):
        spec = get_dataset_spec(f"VD4RL/walker_walk-{behavior}-64px-v0")
        episodes = [
            Episode(
                observations=rng.integers(0, 256, (4, 64, 64, 3), dtype=np.uint8),
                actions=rng.uniform(-1, 1, (3, 6)).astype(np.float32),
                rewards=rng.random(3, dtype=np.float32),
                discounts=np.ones(3, np.float32),
                terminated=False,
                truncated=True,
            )
            for _ in range(2)
        ]
        path = flat_path(tmp_path, spec.name)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_dataset(path, spec, iter(episodes), [3, 3], tiny.PROVENANCE)
    name = "VD4RL/walker_walk-medium_expert-64px-v0"
    with pytest.raises(DatasetNotFoundError, match="holds 2 of 200 episodes"):
        load_dataset(name, root=tmp_path)
    dataset = load_dataset(name, source="local", root=tmp_path)
    assert (len(dataset), dataset.num_transitions, dataset.complete) == (4, 12, False)
    arrays = get_dataset(name, source="local", root=tmp_path)
    assert arrays["observations"].shape == (16, 64, 64, 3)
    assert arrays["actions"].shape == (16, 6)


def test_materialize_writes_one_sound_file_that_is_used_from_then_on(
    parts: tuple[Path, Path], data_dir: Path
) -> None:
    lazy = load_dataset(tiny.MEDIUM_EXPERT.name)
    path = flat_path(data_dir, tiny.MEDIUM_EXPERT.name)
    assert not path.exists()
    dataset = load_dataset(tiny.MEDIUM_EXPERT.name, materialize=True)
    assert dataset.paths == (path,)
    assert verify_dataset(path).problems == ()
    assert dataset.manifest.complete
    assert dataset.manifest.origin == "regenerated"
    assert dataset.manifest.provenance.recipe == {
        "composed_of": [
            {
                "dataset_id": manifest.dataset_id,
                "content_sha256": manifest.content_sha256,
                "num_episodes": manifest.num_episodes,
                "complete": True,
                "origin": "regenerated",
                "versions": tiny.PROVENANCE.versions,
                "renderer": tiny.PROVENANCE.renderer,
                "recipe": tiny.PROVENANCE.recipe,
            }
            for manifest in lazy.manifests
        ]
    }
    for episode, expected in zip(dataset, lazy, strict=True):
        assert tiny.same(episode, expected)
    changed = path.stat().st_mtime_ns
    assert load_dataset(tiny.MEDIUM_EXPERT.name, materialize=True).paths == (path,)
    assert path.stat().st_mtime_ns == changed
    shutil.rmtree(data_dir / "Tiny", ignore_errors=False)


def refused_until_removed(path: Path) -> None:
    """A file made of other parts is not replaced unasked; do what the message says."""
    before = path.read_bytes()
    with pytest.raises(OutputExistsError, match="remove it and call again, or load the parts with"):
        load_dataset(tiny.MEDIUM_EXPERT.name, materialize=True)
    assert path.read_bytes() == before
    assert len(load_dataset(tiny.MEDIUM_EXPERT.name, materialize=False)) > 2
    path.unlink()


@pytest.mark.parametrize("origins", [*itertools.permutations(ORIGINS, 2)])
def test_a_composite_is_no_better_than_its_parts(
    parts: tuple[Path, Path], origins: tuple[str, str]
) -> None:
    specs, lengths = (tiny.MEDIUM, tiny.EXPERT), ((3, 2), (1, 4, 2))
    for path, spec, counts, origin in zip(parts, specs, lengths, origins, strict=True):
        provenance = dataclasses.replace(
            tiny.PROVENANCE,
            origin=origin,
            repairs=(f"mended {origin}",),
            sources=({"name": origin},),
        )
        tiny.write(path, tiny.episodes_of(counts), spec=spec, provenance=provenance)
    provenance = load_dataset(tiny.MEDIUM_EXPERT.name, materialize=True).manifest.provenance
    assert provenance.origin == max(origins, key=ORIGINS.index)
    assert provenance.repairs == [
        f"{spec.name}: mended {origin}" for spec, origin in zip(specs, origins, strict=True)
    ]
    assert [source["name"] for source in provenance.sources] == list(origins)
    assert [part["origin"] for part in provenance.recipe["composed_of"]] == list(origins)


def test_what_was_materialized_from_short_parts_does_not_hide_complete_ones(
    data_dir: Path, parts: tuple[Path, Path], tmp_path: Path
) -> None:
    for spec in (tiny.MEDIUM, tiny.EXPERT):
        tiny.write(flat_path(tmp_path, spec.name), tiny.episodes_of((2,)), spec=spec)
    name = tiny.MEDIUM_EXPERT.name
    short = load_dataset(name, source="local", root=tmp_path, materialize=True)
    assert (len(short), short.manifest.complete) == (2, False)
    shutil.copy(short.paths[0], flat_path(data_dir, name))
    assert load_dataset(name).paths == parts
    assert len(load_dataset(name, source="local")) == 2
    refused_until_removed(flat_path(data_dir, name))
    assert len(load_dataset(name, materialize=True)) == 5
    assert load_dataset(name).paths == (flat_path(data_dir, name),)


def test_a_composites_own_file_gives_way_to_newer_parts(
    parts: tuple[Path, Path], data_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    name = tiny.MEDIUM_EXPERT.name
    own = load_dataset(name, materialize=True).paths
    assert load_dataset(name).paths == own
    tiny.write(parts[0], tiny.episodes_of((3, 1)), spec=tiny.MEDIUM)
    with caplog.at_level(logging.INFO, logger="vd4rl_data"):
        assert load_dataset(name).paths == parts
    assert f"{own[0]} was made of other parts; using these" in caplog.text
    assert load_dataset(name, source="local").paths == own
    refused_until_removed(own[0])
    again = load_dataset(name, materialize=True)
    assert again.paths == own
    assert again.lengths.tolist() == [3, 1, 1, 4, 2]
    assert load_dataset(name).paths == own


def test_a_composites_own_file_is_enough_when_parts_are_gone(
    parts: tuple[Path, Path], data_dir: Path
) -> None:
    own = load_dataset(tiny.MEDIUM_EXPERT.name, materialize=True).paths
    parts[1].unlink()
    assert load_dataset(tiny.MEDIUM_EXPERT.name).paths == own
    parts[0].unlink()
    assert load_dataset(tiny.MEDIUM_EXPERT.name).paths == own


def test_materializing_what_is_stored_in_one_piece_changes_nothing(stored: Path) -> None:
    before = stored.stat().st_mtime_ns
    assert load_dataset(tiny.SPEC.name, materialize=True).paths == (stored,)
    assert stored.stat().st_mtime_ns == before


def test_the_fingerprint_of_a_composite_is_that_of_its_first_part_with_one(
    parts: tuple[Path, Path], caplog: pytest.LogCaptureFixture
) -> None:
    assert find_fingerprint(tiny.SPEC.name) is None
    unknown = dataclasses.replace(tiny.PROVENANCE, renderer="unknown")
    tiny.write(parts[0], tiny.episodes_of((3, 2)), spec=tiny.MEDIUM, provenance=unknown)
    assert find_fingerprint(tiny.MEDIUM.name) is None
    fingerprint = find_fingerprint(tiny.MEDIUM_EXPERT.name)
    assert fingerprint is not None
    assert fingerprint.renderer == "painted by hand"
    first = tiny.episodes_of((1,), start=7)[0]
    np.testing.assert_array_equal(fingerprint.frames[0], first.observations[0])
    damage.flip(parts[1], parts[1].stat().st_size - 1)
    assert find_fingerprint(tiny.MEDIUM_EXPERT.name) is None
