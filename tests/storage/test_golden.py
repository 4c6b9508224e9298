"""Format version 1 is pinned: its meaning, its text, its bytes; and it can be read for ever."""

from __future__ import annotations

import hashlib
import json
import platform
import struct
import zlib
from pathlib import Path

import h5py
import numpy as np
import pytest

from tests.storage import golden, tiny
from vd4rl_data.storage import open_dataset, verify_dataset

_LAYOUTS = {"flat": golden.FLAT, "packed": golden.PACKED}
_ORDER = (
    "observations",
    "actions",
    "rewards",
    "discounts",
    "terminals",
    "timeouts",
    "infos/physics_state",
    "infos/success",
)


@pytest.fixture(params=list(_LAYOUTS))
def made(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The golden dataset, written now."""
    path = tmp_path / _LAYOUTS[request.param].name
    tiny.write(path, layout=request.param)
    return path


@pytest.fixture(params=list(_LAYOUTS))
def kept(request: pytest.FixtureRequest) -> Path:
    """The golden file, written when version 1 was fixed."""
    return _LAYOUTS[request.param]


def test_content_hash_is_pinned(made: Path) -> None:
    assert open_dataset(made).manifest.content_sha256 == golden.CONTENT_SHA256


def test_text_is_pinned(made: Path) -> None:
    kept = golden.FOLDER / made.with_suffix(".txt").name
    assert golden.dump(made) == kept.read_text(encoding="utf-8")


def test_bytes_are_pinned(made: Path, request: pytest.FixtureRequest) -> None:
    here = {
        "h5py": h5py.version.version,
        "HDF5": h5py.version.hdf5_version,
        "system": f"{platform.system()} {platform.machine()}",
    }
    if here != golden.MADE_WITH:
        pytest.skip(f"bytes are pinned for {golden.MADE_WITH}, this is {here}")
    layout = open_dataset(made).layout
    assert hashlib.sha256(made.read_bytes()).hexdigest() == golden.FILE_SHA256[layout]


def test_kept_file_says_what_it_always_said(kept: Path) -> None:
    text = kept.with_suffix(".txt").read_text(encoding="utf-8")
    assert golden.dump(kept) == text
    assert kept.stat().st_size < 20_000


def test_kept_file_can_be_read_for_ever(kept: Path) -> None:
    stored = open_dataset(kept)
    assert stored.manifest.content_sha256 == golden.CONTENT_SHA256
    assert stored.manifest.provenance == tiny.PROVENANCE
    assert stored.lengths == list(tiny.LENGTHS)
    episodes = list(stored.episodes())
    for episode, expected in zip(episodes, tiny.episodes_of(), strict=True):
        assert tiny.same(episode, expected)
    stored.close()
    report = verify_dataset(kept)
    assert (report.problems, report.num_episodes, report.num_frames) == ((), 3, 9)


def test_content_hash_follows_the_documentation(kept: Path) -> None:
    with h5py.File(kept, "r") as file:
        arrays = {key: file[key][:] for key in (*_ORDER, "episode_starts")}
        manifest = json.loads(file.attrs["manifest"])
    content = {
        key: {
            "dtype": values.dtype.str,
            "shape": list(values.shape),
            "sha256": hashlib.sha256(values.tobytes(order="C")).hexdigest(),
        }
        for key, values in arrays.items()
    }
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    assert hashlib.sha256(text.encode()).hexdigest() == manifest["content_sha256"]


def test_episode_checksums_follow_the_documentation(kept: Path) -> None:
    with h5py.File(kept, "r") as file:
        starts, checksums = file["episode_starts"][:], file["episode_crc32"][:]
        for number, checksum in enumerate(checksums):
            rows = slice(starts[number], starts[number + 1])
            assert zlib.crc32(b"".join(file[key][rows].tobytes() for key in _ORDER)) == checksum


def test_user_block_follows_the_documentation(kept: Path) -> None:
    content = kept.read_bytes()
    magic, length, checksum = struct.unpack_from("<8sII", content)
    text = content[16 : 16 + length]
    assert magic == bytes.fromhex("89 56 44 34 52 4C 0D 0A")
    assert zlib.crc32(text) == checksum
    assert not any(content[16 + length : 4096])
    fields = json.loads(text)
    assert fields["file_size"] == len(content)
    outside, position = hashlib.sha256(), 4096
    for start, count in fields["extents"]:
        outside.update(content[position:start])
        position = start + count
    outside.update(content[position:])
    assert outside.hexdigest() == fields["structure_sha256"]


def test_extents_are_the_arrays(kept: Path) -> None:
    if kept != golden.FLAT:
        pytest.skip("only a flat file has extents")
    content = kept.read_bytes()
    (length,) = struct.unpack_from("<I", content, 8)
    extents = json.loads(content[16 : 16 + length])["extents"]
    with h5py.File(kept, "r") as file:
        blocks = sorted(file[key][:].tobytes() for key in _ORDER)
    assert sorted(content[start : start + count] for start, count in extents) == blocks


def test_last_rows_of_transition_arrays_are_zero(kept: Path) -> None:
    with h5py.File(kept, "r") as file:
        last = file["episode_starts"][1:] - 1
        for key in _ORDER:
            kind = file[key].attrs["rows"]
            assert kind == ("observation" if key in (_ORDER[0], _ORDER[6]) else "transition")
            if kind == "transition" and key != "timeouts":
                assert not np.any(file[key][:][last]), key
