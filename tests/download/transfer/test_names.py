"""Names from a listing that nobody controls."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vd4rl_data.download.transfer import RemoteFile
from vd4rl_data.download.transfer.names import check_files
from vd4rl_data.errors import UnsafeNameError

HOSTILE = [
    "",
    ".",
    "..",
    "../a",
    "a/../../b",
    "a/./b",
    "a//b",
    "/etc/passwd",
    "a/",
    "C:/a",
    "C:a",
    "a\\b",
    "\\\\host\\share",
    "a\0b",
    "a\nb",
    "a\x1b[2Jb",
    "a\x7f",
    "\ud800",
    "a:stream",
    "nul",
    "NUL.txt",
    "a/com1",
    "a.",
    "a ",
    " a",
    "a.bin.incomplete",
    "A.INCOMPLETE",
    ".transfer/journal.jsonl",
    ".Transfer",
    "a/.transfer",
    "x" * 256,
    "é" * 125,
    "a?",
    "a*",
]


@pytest.mark.parametrize("path", HOSTILE)
def test_a_hostile_name_is_refused_before_anything_happens(
    tools: Any, make_mirror: Any, tmp_path: Path, path: str
) -> None:
    with pytest.raises(UnsafeNameError, match="refused the remote file name"):
        tools.get([RemoteFile("fine.bin"), RemoteFile(path)], tmp_path / "new", "http://x.invalid")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    "paths", [("a", "a"), ("a/b", "A/B"), ("é", "e\u0301"), ("a", "a/b"), ("x/y/z", "x/Y")]
)
@pytest.mark.parametrize("flip", [False, True])
def test_two_names_for_one_place_are_refused(paths: tuple[str, str], flip: bool) -> None:
    files = [RemoteFile(path) for path in paths]
    with pytest.raises(UnsafeNameError, match=r"same place|a file and, for"):
        check_files(files[::-1] if flip else files)


@settings(deadline=None)
@given(st.text(max_size=30))
def test_what_is_accepted_stays_below_the_folder(path: str) -> None:
    root = Path("/folder")
    try:
        check_files([RemoteFile(path)])
    except UnsafeNameError:
        return
    joined = root / path
    assert joined.is_relative_to(root)
    assert joined.parts[1:] == ("folder", *path.split("/"))
    assert ".." not in joined.parts


def test_the_names_of_real_files_are_accepted() -> None:
    names = [
        "vd4rl/main/walker_walk/random/84px/0.hdf5",
        "vd4rl/main/walker_walk/random/64px/20220107T054321-dea8ccb038004bab8ee2-500.npz",
        "a b/ü.bin",
        ".gitattributes",
    ]
    check_files([RemoteFile(name) for name in names])


@pytest.mark.parametrize(
    "file", [RemoteFile("a", -1), RemoteFile("a", 1, "00"), RemoteFile("a", 1, "A" * 64)]
)
def test_senseless_facts_are_refused(file: RemoteFile) -> None:
    with pytest.raises(ValueError, match="expected"):
        check_files([file])
