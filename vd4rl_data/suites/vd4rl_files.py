"""The official V-D4RL files whose SHA-256 is known: the 84 px shards of the main datasets.

Source: the sizes and hashes that the public mirror of the authors' files records, as listed by a
public loader in October 2023. The 64 px files and the distracting and multitask sets were never
listed with hashes. ``medium_expert`` has no rows: its official shards are, byte for byte, those of
``medium`` and ``expert``.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from importlib import resources
from typing import Final

from vd4rl_data.ids import parse_id
from vd4rl_data.spec import DatasetSpec

_SUITE: Final = "VD4RL"
HASHED_SIZE: Final = 84
"""Pixels of the frames in all of these files."""

_TABLE: Final = "vd4rl_checksums.tsv"
_COLUMNS: Final = ["task", "behavior", "name", "bytes", "sha256"]


@dataclass(frozen=True, slots=True)
class OfficialFile:
    """One official shard: which stored dataset it belongs to, its name, size and SHA-256."""

    task: str
    behavior: str
    name: str
    bytes: int
    sha256: str


@functools.cache
def official_files() -> tuple[OfficialFile, ...]:
    """Every official file with a known hash, by task, behavior and counter; read on first use."""
    text = resources.files("vd4rl_data.suites").joinpath(_TABLE).read_text(encoding="utf-8")
    header, *lines = (line.split("\t") for line in text.splitlines())
    if header != _COLUMNS:
        raise RuntimeError(f"{_TABLE}: expected the columns {_COLUMNS}, got {header}; reinstall")
    return tuple(
        OfficialFile(task, behavior, name, int(size), sha256)
        for task, behavior, name, size, sha256 in lines
    )


def find_official_file(spec: DatasetSpec, name: str) -> OfficialFile | None:
    """The official file of this name in a dataset or in its parts; ``None`` where none is known."""
    behaviors = _behaviors(spec)
    for file in official_files():
        if file.name == name and file.task == spec.id.task and file.behavior in behaviors:
            return file
    return None


def find_by_sha256(sha256: str) -> OfficialFile | None:
    """The official file with this content, whatever it is called; ``None`` where none is known."""
    return next((file for file in official_files() if file.sha256 == sha256), None)


def belongs_to(file: OfficialFile, spec: DatasetSpec) -> bool:
    """Whether an official file is one of a dataset's, or of its parts'."""
    return file.task == spec.id.task and file.behavior in _behaviors(spec)


def _behaviors(spec: DatasetSpec) -> tuple[str, ...]:
    """The behaviors of the stored datasets behind ``spec``; none where no hash is known."""
    main = spec.id.suite == _SUITE and spec.id.variant is None and spec.size == HASHED_SIZE
    if not main:
        return ()
    return tuple(parse_id(part).behavior for part in spec.parts) or (spec.id.behavior,)
