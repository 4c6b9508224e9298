"""The text of a source."""

from __future__ import annotations

import pytest

from vd4rl_data.download.repository import PublishedSource, parse_source
from vd4rl_data.errors import InvalidSourceError

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("hf://lab/pixels", PublishedSource("lab/pixels", "main")),
        ("hf://lab/pixels@v1.0", PublishedSource("lab/pixels", "v1.0")),
        ("hf://lab/pixels@refs/pr/3", PublishedSource("lab/pixels", "refs/pr/3")),
        ("hf://A.b-c_1/x", PublishedSource("A.b-c_1/x", "main")),
        (f"hf://lab/pixels@{COMMIT}", PublishedSource("lab/pixels", COMMIT)),
    ],
)
def test_parsed(text: str, expected: PublishedSource) -> None:
    assert parse_source(text) == expected
    assert parse_source(str(expected)) == expected


@pytest.mark.parametrize(
    ("revision", "pinned"),
    [(COMMIT, True), ("main", False), (COMMIT[:39], False), (COMMIT.upper(), False)],
)
def test_pinned(revision: str, pinned: bool) -> None:
    assert PublishedSource("lab/pixels", revision).pinned == pinned


@pytest.mark.parametrize(
    "text",
    [
        "",
        "auto",
        "lab/pixels",
        "https://lab/pixels",
        "hf://",
        "hf://pixels",
        "hf://lab/",
        "hf:///pixels",
        "hf://lab/pixels/more",
        "hf://datasets/lab/pixels",
        "hf://lab/..",
        "hf://../pixels",
        "hf://lab/pix els",
        "hf://lab/a--b",
        "hf://lab/pixels@",
        "hf://lab/pixels@../../x",
        "hf://lab/pixels@a b",
        "hf://lab/pixels@-x",
        "hf://lab/pixels@a@b",
        "hf://lab/pixels\n",
        f"hf://{'a' * 200}/b",
    ],
)
def test_refused(text: str) -> None:
    with pytest.raises(InvalidSourceError, match="hf://USER/NAME"):
        parse_source(text)
