"""What is written is what is read: both layouts, packing, unpacking, any valid episodes."""

from __future__ import annotations

import dataclasses
import hashlib
import tempfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.storage import tiny
from vd4rl_data.episode import Episode
from vd4rl_data.errors import CorruptFileError, DatasetFormatError
from vd4rl_data.storage import open_dataset, pack, unpack, verify_dataset
from vd4rl_data.storage import reader as reader_module
from vd4rl_data.storage.naming import sidecar_path

_DTYPES = ("?", "i1", "u1", "<i2", ">i4", "<u4", "<i8", "<u8", "<f2", "<f4", "<f8", ">f8")


_NAMES = ("physics_state", "success", "x", "Zustand_1", "état", "_")


@st.composite
def _datasets(draw: st.DrawFn) -> list[Episode]:
    """Up to five episodes with the same infos, numbers from the whole range of their dtype."""
    lengths = draw(st.lists(st.integers(1, 6), min_size=1, max_size=5))
    infos = draw(
        st.dictionaries(
            st.sampled_from(_NAMES),
            st.tuples(st.sampled_from(_DTYPES), st.sampled_from([(), (1,), (2, 3)]), st.booleans()),
            max_size=3,
        )
    )
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    return [_random_episode(rng, length, infos) for length in lengths]


def _random_episode(rng: np.random.Generator, length: int, infos: dict[str, Any]) -> Episode:
    terminated = bool(rng.integers(2))
    rewards = rng.standard_normal(length) * 10.0 ** rng.integers(-45, 38, length)
    edges = np.array([-1, -0.0, 0, 1, 1e-45], np.float32)
    return Episode(
        observations=rng.integers(0, 256, (length + 1, 4, 4, 3), dtype=np.uint8),
        actions=rng.choice(edges, (length, 2)),
        rewards=rewards.astype(np.float32),
        discounts=rng.random(length, dtype=np.float32),
        terminated=terminated,
        truncated=not terminated,
        infos={
            name: _random_array(rng, (length + per_observation, *shape), np.dtype(dtype))
            for name, (dtype, shape, per_observation) in infos.items()
        },
    )


def _random_array(rng: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Any:
    if dtype.kind == "b":
        return rng.integers(0, 2, shape).astype(np.bool_)
    if dtype.kind == "f":
        return (rng.standard_normal(shape) * 10.0 ** rng.integers(-3, 4, shape)).astype(dtype)
    limits = np.iinfo(dtype)
    return rng.integers(
        limits.min, limits.max, shape, dtype=dtype.newbyteorder("="), endpoint=True
    ).astype(dtype)


def _native(episode: Episode) -> Episode:
    infos = {
        name: values.astype(values.dtype.newbyteorder("<"))
        for name, values in episode.infos.items()
    }
    return dataclasses.replace(episode, infos=infos)


@settings(max_examples=20, deadline=None)
@given(episodes=_datasets(), shard_raw_bytes=st.integers(1, 3000))
def test_any_dataset_survives_both_layouts_and_packing(
    episodes: list[Episode], shard_raw_bytes: int
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        flat = folder / "x.h5"
        manifest = tiny.write(flat, episodes)
        shards = pack(flat, folder / "packed", shard_raw_bytes=shard_raw_bytes)
        again = unpack(shards[-1], folder / "again" / "x.h5")
        assert again.read_bytes() == flat.read_bytes()
        assert sidecar_path(again).read_bytes() == sidecar_path(flat).read_bytes()
        for path in (flat, shards[0]):
            stored = open_dataset(path)
            assert stored.manifest == manifest
            for episode, expected in zip(stored.episodes(), episodes, strict=True):
                assert tiny.same(episode, _native(expected))
            stored.close()


@settings(max_examples=15, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 8), min_size=1, max_size=8),
    shard_raw_bytes=st.integers(1, 2500),
)
def test_shards_hold_whole_episodes_and_no_more_bytes_than_allowed(
    lengths: list[int], shard_raw_bytes: int
) -> None:
    episodes = tiny.episodes_of(lengths)
    row_bytes = 48 + 8 + 4 + 4 + 1 + 1 + 24 + 1
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "x.h5"
        tiny.write(path, episodes)
        shards = pack(path, shard_raw_bytes=shard_raw_bytes)
        held: list[int] = []
        for number, shard in enumerate(shards):
            assert shard.name == f"x.packed-{number:05d}-of-{len(shards):05d}.h5"
            with h5py.File(shard, "r") as file:
                assert file.attrs["first_episode"] == len(held)
                mine = (np.diff(file["episode_starts"][:]) - 1).tolist()
            held += mine
            size = row_bytes * (sum(mine) + len(mine))
            assert size <= shard_raw_bytes or len(mine) == 1
            following = lengths[len(held) : len(held) + 1]
            assert not following or size + row_bytes * (following[0] + 1) > shard_raw_bytes
        assert held == lengths


def test_packing_again_replaces_all_shards(flat: Path) -> None:
    many = pack(flat, shard_raw_bytes=1)
    assert len(many) == 3
    (one,) = pack(flat, replace=True)
    assert not any(path.exists() for path in many)
    again = pack(one, shard_raw_bytes=1, replace=True)
    assert (again, one.exists()) == (many, False)
    assert verify_dataset(again[2]).problems == ()
    assert not list(flat.parent.glob("*.incomplete"))


def test_observations_are_mapped_and_not_copied(flat: Path) -> None:
    stored = open_dataset(flat)
    frames = stored.array("observations")
    root: Any = frames
    while isinstance(root.base, np.ndarray):
        root = root.base
    assert isinstance(root, np.memmap)
    assert Path(root.filename) == flat.resolve()
    assert root.mode == "r"
    assert np.shares_memory(frames, stored.array("observations"))
    with h5py.File(flat, "r") as file:
        offset = file["observations"].id.get_offset()
    assert frames.ctypes.data - root.ctypes.data == offset
    for key in stored.keys:
        array = stored.array(key)
        assert type(array) is np.ndarray
        assert np.shares_memory(array, root)
        assert not array.flags.writeable
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0
    assert np.shares_memory(stored.episode(1).observations, root)


def test_a_change_of_the_file_shows_in_the_mapping(flat: Path) -> None:
    frames = open_dataset(flat).array("observations")
    with h5py.File(flat, "r") as file:
        offset = file["observations"].id.get_offset()
    before = int(frames[0, 0, 0, 0])
    with flat.open("r+b") as file:
        file.seek(offset)
        file.write(bytes([before ^ 0xFF]))
    assert frames[0, 0, 0, 0] == before ^ 0xFF


def test_packed_arrays_are_decoded_read_only_up_to_a_limit(
    packed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = open_dataset(packed)
    frames = stored.array("observations")
    assert frames.shape == (9, 4, 4, 3)
    assert not frames.flags.writeable
    monkeypatch.setattr(reader_module, "DECODE_LIMIT", frames.nbytes - 1)
    with pytest.raises(DatasetFormatError, match=r"observations takes .* vd4rl unpack "):
        stored.array("observations")


def test_any_shard_opens_the_whole_dataset(packed: Path, flat: Path) -> None:
    paths = sorted(packed.parent.glob("*.h5"))
    assert len(paths) == 2
    for path in paths:
        stored = open_dataset(path)
        assert (stored.path, len(stored), stored.layout) == (packed, 3, "packed")
        assert stored.lengths == list(tiny.LENGTHS)
        stored.close()


def test_fingerprint_is_four_rows_with_their_states(flat: Path, packed: Path) -> None:
    expected = tiny.episodes_of()
    frames = np.concatenate([episode.observations for episode in expected])
    states = np.concatenate([episode.infos["physics_state"] for episode in expected])
    for path in (flat, packed):
        stored = open_dataset(path)
        rows = list(stored.manifest.fingerprint_rows)
        found = stored.fingerprint()
        assert rows == [0, 2, 5, 8]
        assert found is not None
        assert found.renderer == "painted by hand"
        np.testing.assert_array_equal(found.frames, frames[rows])
        np.testing.assert_array_equal(found.physics_states, states[rows])
        stored.close()


@pytest.mark.parametrize(
    ("infos", "renderer"), [(False, "painted by hand"), (True, "unknown")], ids=["no state", "?"]
)
def test_without_states_or_renderer_there_is_no_fingerprint(
    infos: bool, renderer: str, tmp_path: Path
) -> None:
    provenance = dataclasses.replace(tiny.PROVENANCE, renderer=renderer)
    tiny.write(tmp_path / "x.h5", [tiny.episode_of(3, infos=infos)], provenance=provenance)
    assert open_dataset(tmp_path / "x.h5").fingerprint() is None


@pytest.mark.parametrize("direction", ["pack", "unpack"])
def test_a_damaged_source_is_noticed_before_anything_is_replaced(
    direction: str, flat: Path, tmp_path: Path
) -> None:
    shards = pack(flat, tmp_path / "p", shard_raw_bytes=1)
    unpack(shards[0], tmp_path / "p" / "tiny.h5")
    kept = {path: path.read_bytes() for path in (tmp_path / "p").iterdir()}
    with h5py.File(flat, "r") as file:
        last = file["observations"].id.get_offset() + file["observations"].nbytes - 1
    with flat.open("r+b") as file:
        file.seek(last)
        file.write(b"\xff")
    before = hashlib.sha256(flat.read_bytes()).hexdigest()
    work = {
        "pack": lambda: pack(flat, tmp_path / "p", shard_raw_bytes=1, replace=True),
        "unpack": lambda: unpack(flat, tmp_path / "p" / "tiny.h5", replace=True),
    }
    with pytest.raises(CorruptFileError, match="episode 2: expected CRC-32"):
        work[direction]()
    assert {path: path.read_bytes() for path in (tmp_path / "p").iterdir()} == kept
    assert hashlib.sha256(flat.read_bytes()).hexdigest() == before


def test_episode_numbers_outside_are_refused(flat: Path, packed: Path) -> None:
    for path in (flat, packed):
        stored = open_dataset(path)
        for number in (-1, 3):
            with pytest.raises(IndexError, match=f"no episode {number}, there are 3"):
                stored.episode(number)
        stored.close()
