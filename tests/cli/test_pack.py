"""``vd4rl pack`` and ``vd4rl unpack``."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Run, flip_byte


def test_there_and_back(run: Run, dataset: Path, tmp_path: Path) -> None:
    packed = run("pack", dataset, "--out", tmp_path / "packed")
    assert packed.status == 0, packed.err
    shard, sizes = packed.out.splitlines()
    assert Path(shard).name == "walker_walk-random-64px-v0.packed-00000-of-00001.h5"
    assert (
        sizes
        == f"{dataset.stat().st_size / 1e6:,.1f} MB -> {Path(shard).stat().st_size / 1e6:,.1f} MB"
    )
    unpacked = run("unpack", shard, "--out", tmp_path / "flat.h5")
    assert unpacked.status == 0, unpacked.err
    assert (tmp_path / "flat.h5").read_bytes() == dataset.read_bytes()
    assert run("verify", shard, tmp_path / "flat.h5").status == 0


def test_default_places(run: Run, dataset: Path) -> None:
    original = dataset.read_bytes()
    shard = run("pack", dataset).out.splitlines()[0]
    assert Path(shard).parent == dataset.parent
    dataset.unlink()
    assert run("unpack", shard).out.splitlines()[0] == str(dataset)
    assert dataset.read_bytes() == original


def test_shard_size_is_raw_megabytes(
    run: Run, dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def pack(source: Path, folder: Path, *, shard_raw_bytes: int, **_: object) -> list[Path]:
        asked.append(shard_raw_bytes)
        return [source]

    monkeypatch.setattr("vd4rl_data.cli.pack.pack", pack)
    run("pack", dataset, "--shard-size", 250)
    run("pack", dataset)
    assert asked == [250_000_000, 1 << 30]
    assert run("pack", dataset, "--shard-size", 0).status == 2


def test_nothing_is_replaced(run: Run, dataset: Path) -> None:
    shard = Path(run("pack", dataset).out.splitlines()[0])
    before = [shard.read_bytes(), dataset.read_bytes()]
    for finished, present in ((run("pack", dataset), shard), (run("unpack", shard), dataset)):
        assert finished.status == 2
        assert (
            finished.err
            == f"vd4rl: {present} already exists; remove it, write elsewhere, or pass --replace\n"
        )
    assert [shard.read_bytes(), dataset.read_bytes()] == before


def test_a_damaged_source_is_not_packed(run: Run, dataset: Path, tmp_path: Path) -> None:
    flip_byte(dataset, 4096 + 12_288 * 7)
    finished = run("pack", dataset, "--out", tmp_path)
    assert finished.status == 2
    assert "CRC-32" in finished.err
    assert not list(tmp_path.glob("*.h5"))
