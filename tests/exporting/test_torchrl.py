"""TorchRL: the registered dataset, what it keeps beside the frames, and the way back."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.exporting import painted
from vd4rl_data.dataset import Dataset, load_dataset
from vd4rl_data.errors import CorruptFileError, DatasetFormatError, DatasetNotFoundError
from vd4rl_data.exporting import export
from vd4rl_data.formats import Expected, content_sha256, find_format
from vd4rl_data.importing import import_folder
from vd4rl_data.registry import get_dataset_spec

FORMAT = find_format("torchrl")
SPEC = get_dataset_spec(painted.ID)
ROWS = sum(painted.LENGTHS)
FRAME = (64, 64, 3)


def read(folder: Path) -> list[Any]:
    return list(FORMAT.read(folder / "pixels.memmap", Expected.of(SPEC)))


@pytest.fixture
def copied(exported: Callable[[str], Path], tmp_path: Path) -> Path:
    """An export that a test may change."""
    return Path(shutil.copytree(exported("torchrl"), tmp_path / "copied"))


def test_what_was_exported_comes_back(
    exported: Callable[[str], Path], dataset: Dataset, tmp_path: Path, shared_readers: object
) -> None:
    done = import_folder(exported("torchrl"), SPEC, tmp_path)
    assert done.manifest.content_sha256 == dataset.manifest.content_sha256
    assert done.manifest.provenance.repairs == ()
    assert done.manifest.origin == "regenerated"
    for found, want in zip(load_dataset(done.path), dataset, strict=True):
        np.testing.assert_array_equal(found.observations, want.observations)
        assert found.terminated == want.terminated


def test_every_file_counts_where_datasets_are_told_apart(copied: Path) -> None:
    main = copied / "pixels.memmap"
    before = content_sha256(main, FORMAT)
    assert content_sha256(main, FORMAT) == before
    for path in (copied / "next/reward.memmap", copied / "infos/physics_state.memmap", main):
        content = path.read_bytes()
        path.write_bytes(bytes([content[0] ^ 1]) + content[1:])
        assert content_sha256(main, FORMAT) != before
        path.write_bytes(content)


def test_channels_may_stand_first_and_done_alone_may_tell_the_ends(copied: Path) -> None:
    for level in (copied, copied / "next"):
        frames = np.fromfile(level / "pixels.memmap", np.uint8).reshape(ROWS, *FRAME)
        np.ascontiguousarray(frames.transpose(0, 3, 1, 2)).tofile(level / "pixels.memmap")
        meta = json.loads((level / "meta.json").read_text())
        meta["pixels"]["shape"] = [ROWS, 3, 64, 64]
        for key in ("truncated", "discount"):
            meta.pop(key, None)
        (level / "meta.json").write_text(json.dumps(meta))
    for item, want in zip(read(copied), painted.painted_episodes(), strict=True):
        np.testing.assert_array_equal(item.episode.observations, want.observations, strict=True)
        np.testing.assert_array_equal(item.episode.discounts, want.discounts, strict=True)
        assert item.episode.terminated == want.terminated


def _edit(folder: Path, name: str, dtype: Any, change: Callable[[np.ndarray], None]) -> None:
    values = np.fromfile(folder / name, dtype)
    change(values)
    values.tofile(folder / name)


def _meta(folder: Path, key: str, value: Any) -> None:
    meta = json.loads((folder / "meta.json").read_text())
    if value is None:
        del meta[key]
    else:
        meta[key] = value
    (folder / "meta.json").write_text(json.dumps(meta))


@pytest.mark.parametrize(
    ("damage", "error", "message"),
    [
        (
            lambda at: _edit(at, "next/pixels.memmap", np.uint8, lambda v: v[:1].fill(255)),
            DatasetFormatError,
            "rows 0 to 3: next/pixels: expected the frame of the next row",
        ),
        (
            lambda at: _edit(
                at, "next/pixels.memmap", np.uint8, lambda v: v[-64 * 64 * 3 :].fill(0)
            ),
            DatasetFormatError,
            "got a black one, which TorchRL's loader",
        ),
        (
            lambda at: _edit(at, "next/done.memmap", np.bool_, lambda v: v[-1:].fill(False)),
            DatasetFormatError,
            "next/done: expected true",
        ),
        (lambda at: _meta(at, "action", None), DatasetFormatError, "action: expected a column"),
        (
            lambda at: _meta(at / "next", "reward", None),
            DatasetFormatError,
            "next/reward: expected a column",
        ),
        (
            lambda at: _meta(at, "pixels", {"dtype": "torch.uint8", "shape": [ROWS, 64, 192]}),
            DatasetFormatError,
            r"pixels: expected shape \(rows, 64, 64, 3\) or",
        ),
        (
            lambda at: _meta(at, "pixels", {"dtype": "torch.uint8", "shape": [10**9, *FRAME]}),
            CorruptFileError,
            "the header declares 12,288,000,000,000 bytes, the file holds 172,032",
        ),
        (
            lambda at: _meta(at, "pixels", {"dtype": "torch.complex64", "shape": [ROWS]}),
            DatasetFormatError,
            "pixels: expected a column of numbers",
        ),
        (lambda at: (at / "meta.json").unlink(), CorruptFileError, "expected meta.json beside it"),
        (lambda at: (at / "meta.json").write_text("[["), CorruptFileError, "expected meta.json"),
        (
            lambda at: (at / "action.memmap").unlink(),
            CorruptFileError,
            "action.memmap: the header declares 336 bytes, the file holds none",
        ),
    ],
)
def test_what_no_dataset_can_be_made_of(
    damage: Callable[[Path], Any], error: type[Exception], message: str, copied: Path
) -> None:
    damage(copied)
    with pytest.raises(error, match=f"pixels.memmap.*{message}"):
        read(copied)


@pytest.mark.torch
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torchrl warns of itself when imported
def test_the_registered_dataset(data_dir: Path, dataset: Dataset) -> None:
    pytest.importorskip("torchrl", reason="torchrl is not here")
    from torchrl.data.datasets import load_dataset as load

    import vd4rl_data.pytorch.torchrl  # noqa: F401 - registers it

    name = f"vd4rl_data:{painted.ID}"
    with pytest.raises(DatasetNotFoundError, match=rf"vd4rl export {painted.ID} --format torchrl"):
        load(name, download=False)
    export(dataset, "torchrl", data_dir / "torchrl" / painted.ID)
    buffer = load(name, batch_size=3, download=False)
    assert len(buffer) == ROWS
    batch = buffer.sample()
    assert tuple(batch["pixels"].shape) == (3, *FRAME)
    infos = [buffer[:]["infos", "physics_state"], buffer[:]["next", "infos", "physics_state"]]
    want = [
        painted.painted_episode(0).infos["physics_state"][part] for part in (slice(4), slice(1, 5))
    ]
    for got, values in zip(infos, want, strict=True):
        np.testing.assert_array_equal(got[:4].numpy(), values, strict=True)
