"""Rendering again: other pixels, the very same episodes; at the same size, the same content."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from collection.collect import collect
from collection.errors import DatasetExistsError, InvalidSettingError, NoPhysicsStateError
from collection.pipeline import Made
from collection.rerender import Wanted, rerender
from vd4rl_data.registry import get_dataset_spec
from vd4rl_data.storage import Provenance, open_dataset, pack, verify_dataset, write_dataset

pytestmark = pytest.mark.render

RANDOM = "Test/walker_walk_short-random-16px-v0"
RANDOM_24PX = "Test/walker_walk_short-random-24px-v0"


def test_another_size_shows_the_same_episodes(baseline: Made, tmp_path: Path) -> None:
    made = rerender(baseline.path, tmp_path, Wanted(24), workers=2, show_progress=False)
    assert made.path == tmp_path / f"{RANDOM_24PX}.h5"
    assert verify_dataset(made.path).problems == ()
    old, new = open_dataset(baseline.path), open_dataset(made.path)
    assert new.row_shape("observations") == (24, 24, 3)
    for key in old.keys[1:]:
        np.testing.assert_array_equal(new.array(key), old.array(key), err_msg=key)
    provenance = made.manifest.provenance
    assert provenance.origin == "regenerated"
    assert provenance.recipe["source"]["content_sha256"] == baseline.manifest.content_sha256
    assert provenance.behavior_policy == baseline.manifest.provenance.behavior_policy
    collected = collect(RANDOM_24PX, tmp_path / "collected", show_progress=False)
    assert made.manifest.content_sha256 == collected.manifest.content_sha256
    assert rerender(baseline.path, tmp_path, Wanted(24), show_progress=False).found


def test_the_same_size_from_packed_shards_gives_the_same_content(
    baseline: Made, tmp_path: Path
) -> None:
    shard = pack(baseline.path, tmp_path / "packed", shard_raw_bytes=2 * 11 * 16 * 16 * 3)[0]
    made = rerender(shard, tmp_path, Wanted(16), show_progress=False)
    assert made.manifest.dataset_id == RANDOM
    assert made.manifest.content_sha256 == baseline.manifest.content_sha256


def test_the_source_is_never_replaced(baseline: Made) -> None:
    with pytest.raises(DatasetExistsError, match="is the source itself"):
        rerender(baseline.path, baseline.path.parents[1], Wanted(16))


def test_a_collected_file_is_not_replaced_by_a_rendered_one(baseline: Made, tmp_path: Path) -> None:
    (tmp_path / "Test").mkdir()
    (tmp_path / f"{RANDOM}.h5").write_bytes(baseline.path.read_bytes())
    with pytest.raises(DatasetExistsError, match="made differently"):
        rerender(baseline.path, tmp_path, Wanted(16))


def test_files_without_physics_states_cannot_be_rendered(baseline: Made, tmp_path: Path) -> None:
    stored = open_dataset(baseline.path)
    episodes = [dataclasses.replace(episode, infos={}) for episode in stored.episodes()]
    path = tmp_path / "imported.h5"
    spec = get_dataset_spec(RANDOM)
    write_dataset(path, spec, episodes, stored.lengths, Provenance(origin="imported"))
    with pytest.raises(NoPhysicsStateError, match=r"infos/physics_state.*imported"):
        rerender(path, tmp_path, Wanted(24))


@pytest.mark.render
def test_any_size_can_be_drawn(baseline: Made, tmp_path: Path) -> None:
    """The catalog need not know it."""
    drawn = rerender(baseline.path, tmp_path, Wanted(20), show_progress=False)
    assert drawn.manifest.dataset_id == RANDOM.replace("16px", "20px")
    assert open_dataset(drawn.path).episode(0).observations.shape[1:] == (20, 20, 3)


def test_sizes_must_be_positive(baseline: Made, tmp_path: Path) -> None:
    with pytest.raises(InvalidSettingError, match="size: expected at least 1"):
        rerender(baseline.path, tmp_path, Wanted(0))


def test_a_missing_source(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no dataset file"):
        rerender(tmp_path / "none.h5", tmp_path, Wanted(24))
