"""A data folder on a file system without locks is read as ever, and never written."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path

import pytest

from tests.cli.conftest import ID, SAMPLE, Run
from tests.storage.tiny import files_of


@pytest.fixture
def shards(run: Run, dataset: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A packed copy beside the dataset. Once it is made, no file can be locked any more."""
    made = Path(run("pack", dataset).out.splitlines()[0])

    def flock(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", flock)
    return made


def test_whatever_reads_works(run: Run, dataset: Path, shards: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    for command in (
        ("list",),
        ("info", ID),
        ("verify", ID, SAMPLE),
        ("preview", dataset, "--out", out),
        ("export", shards, "--format", "vd4rl-npz", "--out", out / "npz"),
        ("cache", "ls"),
    ):
        finished = run(*command)
        assert (finished.status, finished.err) == (0, ""), command


def test_whatever_writes_datasets_refuses(
    run: Run, dataset: Path, shards: Path, folder: Path, data_dir: Path, tmp_path: Path
) -> None:
    before = files_of(data_dir)
    for command in (
        ("pack", dataset, "--out", tmp_path / "packed"),
        ("unpack", shards, "--out", tmp_path / "new" / "flat.h5"),
        ("import", folder, "--id", ID, "--out", tmp_path / "imported"),
        ("cache", "rm", ID, "--yes"),
    ):
        finished = run(*command)
        assert finished.status == 2, command
        assert "this file system has no file locks (No locks available)" in finished.err, command
        assert "VD4RL_DATA_DIR" in finished.err
        assert finished.err.count("\n") == 1, "one line, no traceback"
    assert files_of(data_dir) == before
    assert not list(tmp_path.glob("new/*")) + list(tmp_path.glob("packed/*"))
    assert not list(tmp_path.glob("imported/**/*.h5"))
