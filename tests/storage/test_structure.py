"""Files whose checksums are right but whose parts do not fit together are refused."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from tests.storage import damage, tiny
from vd4rl_data.errors import DatasetFormatError
from vd4rl_data.storage import open_dataset, verify_dataset
from vd4rl_data.storage.format import read_header


def _other_dtype(key: str, dtype: str) -> Callable[[Any], None]:
    return lambda file: damage.replace(file, key, data=file[key][:].astype(dtype))


def _other_shape(key: str, shape: Callable[[Any], Any]) -> Callable[[Any], None]:
    return lambda file: damage.replace(file, key, data=shape(file[key][:]))


def _starts(*values: float) -> Callable[[Any], None]:
    data = np.array(values)
    return lambda file: damage.replace(file, "episode_starts", data=data)


def _delete(key: str) -> Callable[[Any], None]:
    def change(file: Any) -> None:
        del file[key]

    return change


def _attribute(name: str, value: Any, key: str = "/") -> Callable[[Any], None]:
    def change(file: Any) -> None:
        if value is None:
            del file[key].attrs[name]
        else:
            file[key].attrs[name] = value

    return change


def _value(key: str, row: int, value: Any) -> Callable[[Any], None]:
    def change(file: Any) -> None:
        file[key][row] = value

    return change


def _link(key: str, link: Any) -> Callable[[Any], None]:
    def change(file: Any) -> None:
        file.move(key, "elsewhere")
        file[key] = link

    return change


def _group(key: str) -> Callable[[Any], None]:
    def change(file: Any) -> None:
        del file[key]
        file.create_group(key)

    return change


def _virtual(file: Any) -> None:
    attributes, values = dict(file["rewards"].attrs), file["rewards"]
    layout = h5py.VirtualLayout(values.shape, values.dtype)
    layout[:] = h5py.VirtualSource("other.h5", "rewards", values.shape)
    del file["rewards"]
    file.create_virtual_dataset("rewards", layout).attrs.update(attributes)


def _external(file: Any) -> None:
    rows = file["rewards"].shape[0]
    where = [("/etc/hostname", 0, 4 * rows)]
    damage.replace(file, "rewards", shape=(rows,), dtype="f4", external=where)


def _huge(file: Any) -> None:
    damage.replace(file, "rewards", shape=(1 << 40,), dtype="f4", chunks=(1 << 20,))


def _huge_index(file: Any) -> None:
    damage.replace(file, "episode_starts", shape=(1 << 40,), dtype="i8", chunks=(1 << 20,))


_BROKEN: dict[str, tuple[Callable[[Any], None], str]] = {
    "pixels are int8": (_other_dtype("observations", "i1"), "observations: expected dtype uint8"),
    "actions are float64": (_other_dtype("actions", "f8"), "actions: expected dtype float32"),
    "actions are big endian": (_other_dtype("actions", ">f4"), "actions: expected dtype float32"),
    "rewards are float16": (_other_dtype("rewards", "f2"), "rewards: expected dtype float32"),
    "flags are bytes": (_other_dtype("terminals", "u1"), "terminals: expected dtype bool"),
    "starts are floats": (_starts(0.0, 4.0, 7.0, 9.0), "episode_starts: expected dtype int64"),
    "checksums are int64": (_other_dtype("episode_crc32", "i8"), "episode_crc32: expected dtype"),
    "an info is text": (
        _other_shape("infos/success", lambda v: np.array([b"a"] * len(v))),
        "success: expected rows of little-endian numbers",
    ),
    "an info is big endian": (
        _other_dtype("infos/physics_state", ">f8"),
        "physics_state: expected rows of little-endian numbers",
    ),
    "an info has no rows": (
        _other_shape("infos/success", lambda v: v[0]),
        "success: expected",
    ),
    "frames are gray": (
        _other_shape("observations", lambda v: v[..., 0]),
        r"observations: expected shape \(N, H, W, 3\)",
    ),
    "frames have four channels": (
        _other_shape("observations", lambda v: np.repeat(v, 2, 3)[..., :4]),
        r"observations: expected shape \(N, H, W, 3\)",
    ),
    "actions are flat": (
        _other_shape("actions", lambda v: v[:, 0]),
        r"actions: expected shape \(N, A\)",
    ),
    "rewards are a column": (
        _other_shape("rewards", lambda v: v[:, None]),
        r"rewards: expected shape \(N,\)",
    ),
    "starts are a row": (
        lambda file: damage.replace(file, "episode_starts", data=np.array([[0, 4, 7, 9]])),
        r"episode_starts: expected shape \(N,\)",
    ),
    "a row is missing": (_other_shape("discounts", lambda v: v[1:]), "discounts: expected 9 rows"),
    "a row is too many": (
        _other_shape("infos/success", lambda v: np.append(v, v[:1])),
        "infos/success: expected 9 rows, got 10",
    ),
    "starts do not increase": (_starts(0, 7, 4, 9), "episode_starts: expected 0 and then rows"),
    "starts repeat": (_starts(0, 4, 4, 9), "episode_starts: expected 0 and then rows"),
    "an episode of one row": (_starts(0, 4, 8, 9), "episode_starts: expected 0 and then rows"),
    "starts begin late": (_starts(1, 4, 7, 9), "episode_starts: expected 0 and then rows"),
    "starts begin early": (_starts(-1, 4, 7, 9), "episode_starts: expected 0 and then rows"),
    "starts overflow": (_starts(0, (1 << 63) - 1, 5, 9), "episode_starts: expected 0 and then"),
    "starts end early": (_starts(0, 4, 6, 8), "expected 8 rows, got 9"),
    "starts end late": (_starts(0, 4, 7, 10), "expected 10 rows, got 9"),
    "no episode": (_starts(0), "episode_starts: expected 0 and then rows"),
    "a checksum is missing": (
        _other_shape("episode_crc32", lambda v: v[1:]),
        "episode_crc32: expected 3 rows, got 2",
    ),
    "an array is missing": (_delete("discounts"), "discounts: expected an array of this name"),
    "the index is missing": (_delete("episode_starts"), "episode_starts: expected an array"),
    "an array is a group": (_group("discounts"), "discounts: expected an array in this file"),
    "an info is a group": (_group("infos/success"), "success: expected an array in this file"),
    "infos are an array": (
        lambda file: (file.pop("infos"), file.create_dataset("infos", data=[1])),
        "infos: expected a group",
    ),
    "too many infos": (
        lambda file: [file.create_group(f"infos/x{number}") for number in range(1001)],
        "infos: expected at most 1000 arrays, got 1003",
    ),
    "a soft link": (_link("rewards", h5py.SoftLink("/elsewhere")), "rewards: expected an array in"),
    "a broken link": (_link("rewards", h5py.SoftLink("/gone")), "rewards: expected an array in"),
    "an external link": (
        _link("rewards", h5py.ExternalLink("other.h5", "/rewards")),
        "rewards: expected an array in this file",
    ),
    "infos are elsewhere": (
        _link("infos", h5py.ExternalLink("other.h5", "/infos")),
        "infos: expected a group in this file",
    ),
    "a virtual array": (_virtual, "rewards: expected an array in this file"),
    "external bytes": (_external, "rewards: expected an array in this file"),
    "a huge array": (_huge, "rewards: .* bytes cannot fit into"),
    "a huge index": (_huge_index, "episode_starts: .* bytes cannot fit into"),
    "an empty array": (
        lambda file: damage.replace(file, "rewards", data=h5py.Empty("f4")),
        "rewards: expected an array in this file",
    ),
    "unwritten bytes": (
        lambda file: damage.replace(file, "rewards", shape=(9,), dtype="f4"),
        "rewards: expected ",
    ),
    "a row kind is unknown": (
        _attribute("rows", "frames", "infos/success"),
        "infos/success: expected rows to be one of observation, transition",
    ),
    "a row kind is missing": (_attribute("rows", None, "infos/success"), "HDF5 cannot read it"),
    "a timeout is missing": (_value("timeouts", 3, False), "timeouts: expected true at each"),
    "a timeout is too many": (_value("timeouts", 1, True), "timeouts: expected true at each"),
    "a stray terminal": (_value("terminals", 1, True), "terminals: expected .* got row 1"),
    "a terminal at the last row": (_value("terminals", 6, True), "terminals: expected .* row 6"),
    "an action is too large": (_value("actions", 0, 1.5), "actions: expected values in"),
    "a reward is not a number": (_value("rewards", 2, np.nan), "rewards: expected finite numbers"),
    "a discount is negative": (_value("discounts", 2, -1), "discounts: expected values in"),
    "another format": (_attribute("format", "zarr"), "format: expected vd4rl-data, got zarr"),
    "another version inside": (_attribute("version", 2), "version: expected 1, got 2"),
    "another layout inside": (_attribute("layout", "striped"), "layout: expected "),
    "no layout inside": (_attribute("layout", None), "HDF5 cannot read it"),
    "no manifest": (_attribute("manifest", None), "expected a dataset, got a part"),
    "a manifest that is no JSON": (_attribute("manifest", "{"), "manifest: expected JSON"),
    "a manifest that is a list": (_attribute("manifest", "[]"), "manifest: expected JSON"),
    "a manifest that is a number": (_attribute("manifest", 7), "manifest: expected JSON"),
    "a bottomless manifest": (_attribute("manifest", "[" * 9999), "manifest: expected JSON"),
    "another dataset id": (_attribute("dataset_id", "A/b-random-4px-v0"), "dataset_id: expected"),
    "no dataset id": (_attribute("dataset_id", None), "dataset_id: expected"),
    "another shard": (_attribute("shard", 1), "shard, num_shards, first_episode: expected"),
    "other shards": (_attribute("num_shards", 2), "shard, num_shards, first_episode: expected"),
    "no first episode": (_attribute("first_episode", None), "first_episode: expected"),
}


@pytest.mark.parametrize("case", _BROKEN)
def test_a_sealed_file_that_does_not_fit_together_is_refused(case: str, path: Path) -> None:
    """Its user block is right, so the structure check alone can notice it."""
    change, message = _BROKEN[case]
    damage.rewrite(path, change)
    with pytest.raises(DatasetFormatError, match=f"{path.name}: .*{message}"):
        open_dataset(path)
    report = verify_dataset(path)
    assert len(report.problems) == 1
    with h5py.File(path, "r+") as file:
        file.attrs["closed"] = "no handle was left open that would lock it"


_MANIFEST_CHANGES: dict[str, dict[str, Any]] = {
    "a field is missing": {"license": None},
    "a field is unknown": {"color": "red"},
    "complete is a number": {"complete": 1},
    "the id is a list": {"dataset_id": ["x"]},
    "the id is of another dataset": {"dataset_id": "Tiny/dot_move-medium-4px-v0"},
    "the count is text": {"num_episodes": "3"},
    "too many episodes": {"num_episodes": 4},
    "too few transitions": {"num_transitions": 5},
    "returns are a list": {"returns": [1.0]},
    "returns lack a field": {"returns": {"mean": 1.0}},
    "provenance is text": {"provenance": "here"},
    "fingerprint rows are text": {"fingerprint_rows": "abc"},
    "a fingerprint row outside": {"fingerprint_rows": [0, 9]},
    "a fingerprint row below": {"fingerprint_rows": [-1]},
    "validation episodes are a number": {"validation_episodes": 2},
}


def _manifest_change(changes: dict[str, Any]) -> Callable[[Any], None]:
    import json

    def change(file: Any) -> None:
        values = {**json.loads(file.attrs["manifest"]), **changes}
        kept = {name: value for name, value in values.items() if value is not None}
        file.attrs["manifest"] = json.dumps(kept)

    return change


@pytest.mark.parametrize("case", _MANIFEST_CHANGES)
def test_a_manifest_that_is_none_is_refused(case: str, path: Path) -> None:
    damage.rewrite(path, _manifest_change(_MANIFEST_CHANGES[case]))
    with pytest.raises(DatasetFormatError, match=path.name):
        open_dataset(path)
    assert not verify_dataset(path).ok


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"content_sha256": "0" * 64}, "content: expected SHA-256 0000"),
        ({"complete": False}, "complete: False for 3 of 3"),
        ({"validation_episodes": [0]}, "validation_episodes: not the split of 3 episodes"),
        (
            {"returns": dict.fromkeys(("mean", "std", "min", "p25", "median", "p75", "max"), 1.0)},
            "returns: expected ReturnStatistics",
        ),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_manifest_that_lies_is_found_by_verifying(
    changes: dict[str, Any], message: str, path: Path
) -> None:
    damage.rewrite(path, _manifest_change(changes))
    open_dataset(path).close()
    (problem,) = verify_dataset(path).problems
    assert message in problem


def test_arrays_of_the_other_layout_are_refused(flat_file: Path, tmp_path: Path) -> None:
    chunked = tmp_path / "chunked.h5"
    shutil.copy(flat_file, chunked)
    damage.rewrite(
        chunked, lambda file: damage.replace(file, "rewards", data=file["rewards"][:], chunks=(9,))
    )
    with pytest.raises(DatasetFormatError, match=r"rewards: expected a contiguous array"):
        open_dataset(chunked)
    packed = tmp_path / "packed.h5"
    tiny.write(packed, layout="packed")
    damage.rewrite(
        packed, lambda file: damage.replace(file, "rewards", data=file["rewards"][:], chunks=None)
    )
    with pytest.raises(DatasetFormatError, match=r"rewards: expected a chunked array"):
        open_dataset(packed)


@pytest.mark.parametrize("chunks", [(4, 4, 4, 3), (9, 4, 2, 3)], ids=str)
def test_missing_and_odd_chunks_are_refused(chunks: tuple[int, ...], tmp_path: Path) -> None:
    """HDF5 reads a chunk that was never written as zeros."""

    def change(file: Any) -> None:
        frames = file["observations"][:]
        damage.replace(file, "observations", shape=frames.shape, dtype="u1", chunks=chunks)
        file["observations"][:4] = frames[:4]

    path = tmp_path / "packed.h5"
    tiny.write(path, layout="packed")
    damage.rewrite(path, change)
    message = "expected 3 chunks, got 1" if chunks[2] == 4 else "expected chunks of whole rows"
    with pytest.raises(DatasetFormatError, match=f"observations: {message}"):
        open_dataset(path)


def test_extents_that_are_not_the_arrays_are_refused(flat_file: Path) -> None:
    """Bytes inside an extent are not in the structure hash, so the extents must be the arrays."""
    extents = read_header(flat_file).extents
    start, count = extents[0]
    for wrong in (
        [(start, count - 1), *extents[1:]],
        [(start, count + 1), *extents[1:]],
        extents[1:],
        [],
        [*extents, (flat_file.stat().st_size - 64, 64)],
    ):
        damage.reseal(flat_file, "flat", wrong)
        with pytest.raises(DatasetFormatError, match="extents"):
            open_dataset(flat_file)
    damage.reseal(flat_file, "packed", [])
    with pytest.raises(DatasetFormatError, match="layout: expected packed, got flat"):
        open_dataset(flat_file)
