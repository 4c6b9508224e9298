"""Where a published dataset is: ``hf://USER/NAME@REVISION``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from vd4rl_data.download.client import COMMIT, REPO_ID
from vd4rl_data.errors import InvalidSourceError

SCHEME: Final = "hf://"

_MAIN: Final = "main"
_REVISION: Final = re.compile(r"[\w][\w./+-]{0,249}", re.ASCII)


@dataclass(frozen=True, slots=True)
class PublishedSource:
    """Somebody's repository, at a branch, a tag or a commit."""

    repo_id: str
    revision: str = _MAIN

    @property
    def pinned(self) -> bool:
        """The revision is a commit, which never changes."""
        return COMMIT.fullmatch(self.revision) is not None

    def __str__(self) -> str:
        """The text that :func:`parse_source` understands."""
        return f"{SCHEME}{self.repo_id}@{self.revision}"


def parse_source(text: str) -> PublishedSource:
    """Parse ``hf://USER/NAME`` or ``hf://USER/NAME@REVISION``; no revision means ``main``.

    Raises:
        InvalidSourceError: it is anything else.
    """
    expected = f"{text!r}: expected {SCHEME}USER/NAME or {SCHEME}USER/NAME@REVISION"
    if not text.startswith(SCHEME):
        raise InvalidSourceError(f"{expected}; it does not start with {SCHEME}")
    repo_id, at, revision = text.removeprefix(SCHEME).partition("@")
    if repo_id.startswith("datasets/"):
        raise InvalidSourceError(f"{expected}; leave out 'datasets/'")
    if not REPO_ID.fullmatch(repo_id):
        raise InvalidSourceError(f"{expected}; {repo_id!r} is not USER/NAME")
    if at and (not _REVISION.fullmatch(revision) or ".." in revision):
        raise InvalidSourceError(
            f"{expected}; {revision!r} is no branch, tag or commit of 40 hexadecimal digits"
        )
    return PublishedSource(repo_id, revision or _MAIN)
