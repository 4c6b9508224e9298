"""The commit that a repository's folder stands for, where something says so."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

from vd4rl_data.errors import MirrorError
from vd4rl_data.hub.mirror.snapshot import MirrorFile

PIN_FILE: Final = ".mirror.json"
COMMIT: Final = re.compile(r"[0-9a-f]{40}")
_DOWNLOADS: Final = Path(".cache", "huggingface", "download")
_log = logging.getLogger("vd4rl_data")


@dataclass(frozen=True)
class Pin:
    """What ``.mirror.json`` in a repository's folder says.

    Attributes:
        revision: the commit that the files are of; ``None`` lets the content decide.
        aliases: branches and tags that name it, besides ``main``.
    """

    revision: str | None = None
    aliases: tuple[str, ...] = ()


def read_pin(folder: Path) -> Pin:
    """Read the pin of a repository, ``{"revision": "<40 hex>", "aliases": ["v1"]}``.

    Raises:
        MirrorError: the file is there, but holds something else.
    """
    path = folder / PIN_FILE
    try:
        content: Any = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Pin()
    except (OSError, ValueError) as error:
        raise MirrorError(f"{path} cannot be read as JSON: {error}") from error
    if not isinstance(content, dict) or not set(cast("Any", content)) <= {"revision", "aliases"}:
        raise MirrorError(f'{path}: expected {{"revision": …, "aliases": […]}}, got {content!r}')
    fields = cast("dict[str, Any]", content)
    revision, aliases = fields.get("revision"), fields.get("aliases", [])
    if revision is not None and not (isinstance(revision, str) and COMMIT.fullmatch(revision)):
        raise MirrorError(f"{path}: revision must be 40 lower-case hex digits, got {revision!r}")
    if not isinstance(aliases, list) or not all(isinstance(name, str) for name in aliases):  # pyright: ignore[reportUnknownVariableType]
        raise MirrorError(f"{path}: aliases must be a list of names, got {aliases!r}")
    return Pin(revision, tuple(cast("list[str]", aliases)))


def downloaded_revision(folder: Path, files: Mapping[str, MirrorFile]) -> str | None:
    """The commit that the hub's own client downloaded ``folder`` from, if every file proves it.

    ``hf download --local-dir`` notes the commit and the hash of each file. They are believed only
    if all files have such a note, all name one commit, and every hash is that of the file's bytes.
    """
    commits: set[str] = set()
    for path, file in files.items():
        note = folder / _DOWNLOADS / f"{path}.metadata"
        try:
            commit, etag = note.read_text(encoding="utf-8").splitlines()[:2]
        except (OSError, ValueError):
            return None
        if etag not in {file.hashes.sha256, file.hashes.git_id} or not COMMIT.fullmatch(commit):
            _log.warning("%s does not fit the file beside it; the note is not used", note)
            return None
        commits.add(commit)
    return commits.pop() if len(commits) == 1 else None
