"""``vd4rl import`` of Minari's datasets: ours come back as they were, others as they are."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from tests.exporting import painted
from vd4rl_data.dataset import Dataset, load_dataset
from vd4rl_data.episode import Episode
from vd4rl_data.errors import CorruptFileError, DatasetFormatError
from vd4rl_data.formats import Expected, find_format
from vd4rl_data.importing import import_folder
from vd4rl_data.registry import get_dataset_spec

FORMAT = find_format("minari")
SPEC = get_dataset_spec(painted.ID)


def read(path: Path) -> list[Any]:
    return list(FORMAT.read(path, Expected.of(SPEC)))


def equal(found: Episode, want: Episode, *, but: tuple[str, ...] = ()) -> None:
    for name in {"observations", "actions", "rewards", "discounts"} - set(but):
        np.testing.assert_array_equal(getattr(found, name), getattr(want, name), strict=True)
    assert (found.terminated, found.truncated) == (want.terminated, want.truncated)


def write_group(file: h5py.File, number: int, **changes: Any) -> None:
    """An episode as Minari lays it out, without any of its code."""
    episode = painted.painted_episode(number)
    ends = np.zeros(len(episode), np.bool_)
    ends[-1] = True
    arrays: dict[str, Any] = {
        "observations": episode.observations,
        "actions": episode.actions,
        "rewards": episode.rewards,
        "terminations": ends & episode.terminated,
        "truncations": ends & episode.truncated,
        **changes,
    }
    group = file.create_group(f"episode_{number}")
    for key, values in arrays.items():
        if values is not None:
            group[key] = values


def test_what_was_exported_comes_back(
    exported: Callable[[str], Path], dataset: Dataset, tmp_path: Path, shared_readers: object
) -> None:
    done = import_folder(exported("minari") / "data", SPEC, tmp_path)
    manifest, again = done.manifest, load_dataset(done.path)
    assert manifest.content_sha256 == dataset.manifest.content_sha256
    assert manifest.provenance.repairs == ()
    assert manifest.origin == "regenerated"  # never closer to the authors' own than it was
    assert manifest.provenance.renderer == "painted by hand"
    for found, want in zip(again, dataset, strict=True):
        equal(found, want)


def test_jpeg_is_read_and_told(tmp_path: Path) -> None:
    """As Minari's default makes it, and most published sets of pixels are."""
    minari: Any = pytest.importorskip("minari")
    storage_of = pytest.importorskip("minari.dataset.minari_storage").MinariStorage
    from gymnasium.spaces import Box

    for place, layout in (("one", [0]), ("several", [0, 4])):
        storage = storage_of.new(
            tmp_path / place,
            Box(0, 255, (64, 64, 3), np.uint8),
            Box(-1, 1, (6,), np.float32),
        )
        for number in layout:
            episode = painted.painted_episode(number)
            ends = np.arange(len(episode)) == len(episode) - 1
            storage.update_episodes(
                [
                    minari.data_collector.EpisodeBuffer(
                        observations=episode.observations,
                        actions=episode.actions,
                        rewards=episode.rewards,
                        terminations=ends & episode.terminated,
                        truncations=ends & episode.truncated,
                    )
                ]
            )
        seen = list(storage.get_episodes(range(len(layout))))
        for item, number, theirs in zip(
            read(tmp_path / place / "main_data.hdf5"), layout, seen, strict=True
        ):
            equal(item.episode, painted.painted_episode(number), but=("observations",))
            np.testing.assert_array_equal(item.episode.observations, theirs["observations"])
            assert any("kept as JPEG: not the very pixels" in line for line in item.repairs)


def test_other_layouts(tmp_path: Path) -> None:
    path = tmp_path / "main_data.hdf5"
    frames = painted.painted_episode(0).observations
    with h5py.File(path, "w") as file:
        write_group(file, 4, rewards=painted.painted_episode(4).rewards.astype(np.float64))
        write_group(file, 0, observations=frames.transpose(0, 3, 1, 2))
        write_group(file, 1, observations=None, truncations=[False])
        file["episode_1/observations/pixels"] = painted.painted_episode(1).observations
        file["episode_1/observations/state"] = np.zeros((2, 4))
        file["episode_1/infos/words"] = ["a"]
        file["episode_1/infos/success"] = [True]
    first, second, third = read(path)
    for item, number in ((first, 0), (second, 1), (third, 4)):
        equal(item.episode, painted.painted_episode(number))
    assert second.repairs == (
        "episode_1: ended by neither flag: taken for cut by a size limit, so truncated",
        "episode_1: left out infos/words, no array with a row for each step",
        "episode_1: left out observations/state, which holds no frames",
    )
    assert second.episode.infos["success"].tolist() == [True]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rewards": None}, "rewards: expected the keys observations"),
        ({"actions": np.zeros((4, 5), np.float32)}, r"actions: expected shape \(rows, 6\)"),
        ({"actions": np.zeros((5, 6), np.float32)}, "actions: expected 4 rows"),
        ({"observations": np.zeros((4, 64, 64, 3), np.uint8)}, "observations: expected 5 frames"),
        ({"observations": np.zeros((5, 32, 32, 3), np.uint8)}, "expected one array of frames"),
        ({"observations": None}, "expected one array of frames"),
        ({"terminations": [True, False, False, True]}, "terminations: expected true at the last"),
        ({"truncations": [0, 0, 7, 0]}, "truncations: expected true or false"),
        ({"rewards": np.zeros(501, np.float32)}, "expected 2 to 501 rows in an episode, got 502"),
    ],
)
def test_what_no_dataset_can_be_made_of(
    changes: dict[str, Any], message: str, tmp_path: Path
) -> None:
    path = tmp_path / "main_data.hdf5"
    with h5py.File(path, "w") as file:
        write_group(file, 0, **changes)
    with pytest.raises(DatasetFormatError, match=f"main_data.hdf5.*{message}"):
        read(path)


def test_broken_and_hostile_files(exported: Callable[[str], Path], tmp_path: Path) -> None:
    path = tmp_path / "main_data.hdf5"
    with h5py.File(path, "w") as file:
        file["episode_0"] = h5py.ExternalLink("elsewhere.h5", "/x")
    with pytest.raises(DatasetFormatError, match="a link to another place"):
        read(path)
    with h5py.File(path, "w") as file:
        file["other"] = 1
    with pytest.raises(DatasetFormatError, match="a group for each episode"):
        read(path)
    with h5py.File(path, "w") as file:
        pictures = np.zeros((5, 40), np.uint8)
        pictures[:, :2] = (0xFF, 0xD8)
        write_group(file, 0, observations=pictures)
    with pytest.raises(CorruptFileError, match="expected an intact JPEG"):
        read(path)
    shutil.copy(exported("minari") / "data/main_data.hdf5", path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(CorruptFileError, match="expected an intact HDF5 file"):
        read(path)
