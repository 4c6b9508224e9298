"""What is said of official files, and of copies, is done: afterwards the same command works."""

from __future__ import annotations

import hashlib
import re
import shutil
from pathlib import Path

import pytest

from tests.cli.conftest import ID, LENGTHS, Run, files_of
from vd4rl_data.storage import open_dataset
from vd4rl_data.storage.naming import flat_path
from vd4rl_data.suites import vd4rl_files
from vd4rl_data.suites.vd4rl_files import OfficialFile


@pytest.fixture
def official(several: Path, monkeypatch: pytest.MonkeyPatch) -> list[OfficialFile]:
    """The files are the authors' own, the second one excepted."""
    files = []
    for number, path in enumerate(files_of(several)):
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        known = "0" * 64 if number == 1 else sha256
        files.append(OfficialFile("walker_walk", "random", path.name, 7, known))
    monkeypatch.setattr(vd4rl_files, "official_files", lambda: tuple(files))
    monkeypatch.setattr(
        "vd4rl_data.formats.identity.find_official_file",
        lambda _, name: next((file for file in files if file.name == name), None),
    )
    monkeypatch.setattr("vd4rl_data.formats.identity.belongs_to", lambda *_: True)
    return files


def test_another_content_is_read_without_checking_hashes(
    several: Path, official: list[OfficialFile], tmp_path: Path, run: Run
) -> None:
    command = ("import", several, "--id", ID, "--out", tmp_path)
    refused = run(*command)
    assert "or say --no-check-hashes if it is meant to be another" in refused.err
    finished = run(*command, "--no-check-hashes")
    assert finished.status == 0, finished.err
    assert "4 files, 3 known as official" in finished.out


def test_a_second_copy_of_an_official_file_is_removed(
    several: Path, official: list[OfficialFile], tmp_path: Path, run: Run
) -> None:
    first = files_of(several)[0]
    copy = first.with_name(f"1_{first.name}")
    shutil.copy(first, copy)
    command = ("import", several, "--id", ID, "--out", tmp_path, "--no-check-hashes")
    refused = run(*command)
    assert re.search(rf"got a copy of (1_)?{re.escape(first.name)}; remove one", refused.err)
    copy.unlink()
    assert run(*command).status == 0


def test_files_that_nobody_knows_may_be_the_same(several: Path, tmp_path: Path, run: Run) -> None:
    first = files_of(several)[0]
    copy = first.with_name(f"9_{first.name}")
    shutil.copy(first, copy)
    finished = run("import", several, "--id", ID, "--out", tmp_path)
    assert finished.status == 0, finished.err
    either = rf"(9_)?{re.escape(first.name)}"
    line = rf"^repaired  {either}: byte for byte the same as {either}; both are kept$"
    assert re.search(line, finished.out, re.MULTILINE)
    stored = open_dataset(flat_path(tmp_path, ID))
    assert len(stored) == 5
    assert sorted(stored.lengths) == sorted([*LENGTHS, LENGTHS[0]])
