"""Which file on this machine holds a dataset, and what to say if there is none."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from vd4rl_data.errors import DatasetNotFoundError
from vd4rl_data.paths import search_dirs
from vd4rl_data.registry import DatasetSpec
from vd4rl_data.storage.naming import first_shard, flat_path
from vd4rl_data.storage.reader import StoredDataset, open_dataset

SOURCES: Final = ("auto", "local")
COLLECTABLE_BEHAVIORS: Final = ("random",)
"""Behaviors that ``python -m collection collect`` regenerates."""

_LOG = logging.getLogger("vd4rl_data")
_PACKAGE: Final = Path(__file__).parents[1]
_SAMPLES: Final = _PACKAGE / "samples"


@dataclass(frozen=True, slots=True)
class LocalDataset:
    """A dataset file that was found: its path and whether it lies inside the package."""

    path: Path
    bundled: bool


def find_local(spec: DatasetSpec, root: Path | None = None) -> Iterator[LocalDataset]:
    """Files that hold this id, best first; flat files before packed ones, none is opened.

    Args:
        spec: the catalog row; a composite has no file unless it was materialized.
        root: look in this folder alone; by default in every data folder and in the package.
    """
    for folder in [root] if root is not None else search_dirs():
        flat = flat_path(folder, spec.name)
        if flat.is_file():
            yield LocalDataset(flat, bundled=False)
        packed = first_shard(flat)
        if packed is not None:
            yield LocalDataset(packed, bundled=False)
    if root is None and spec.bundled:
        packed = first_shard(flat_path(_SAMPLES, spec.name))
        if packed is not None:
            yield LocalDataset(packed, bundled=True)


def open_local(spec: DatasetSpec, source: str, root: Path | None) -> StoredDataset:
    """Open the best local file of a dataset that is stored under its own id.

    Args:
        spec: the catalog row.
        source: ``auto`` takes complete files only; ``local`` takes what is there.
        root: look in this folder alone.

    Raises:
        DatasetNotFoundError: no usable file; the message prints what makes one.
        ValueError: the source is not one of :data:`SOURCES`.
        CorruptFileError, DatasetFormatError: the file is damaged.
    """
    if source not in SOURCES:
        raise ValueError(f"source: expected {', '.join(SOURCES)} or hf://USER/NAME, got {source!r}")
    incomplete: list[str] = []
    for local in find_local(spec, root):
        stored = open_dataset(local.path)
        if source == "local" or stored.manifest.complete:
            _announce(spec, stored)
            return stored
        incomplete.append(
            f"{local.path} holds {len(stored)} of {spec.num_episodes} episodes "
            '(source="local" takes it all the same)'
        )
        stored.close()
    raise DatasetNotFoundError(not_found_message(spec, root, incomplete))


def has_usable(spec: DatasetSpec, source: str, root: Path | None) -> bool:
    """Whether :func:`open_local` would find a file.

    A composite that was once materialized from short parts does not hide parts that are complete.

    Raises:
        CorruptFileError, DatasetFormatError: a file is damaged.
    """
    for local in find_local(spec, root):
        with closing(open_dataset(local.path)) as stored:
            if source == "local" or stored.manifest.complete:
                return True
    return False


def not_found_message(spec: DatasetSpec, root: Path | None, incomplete: list[str]) -> str:
    """What to do about a dataset that is not here."""
    folders = [root] if root is not None else search_dirs()
    lines = [f"{spec.name} is not on this machine; looked in {', '.join(map(str, folders))}."]
    lines += incomplete
    if spec.id.behavior in COLLECTABLE_BEHAVIORS and not spec.parts:
        lines += ["Make it again from nothing:", *(f"    {line}" for line in _collect_lines(spec))]
    names = spec.parts or (spec.name,)
    lines.append("Convert the authors' own files:")
    lines += [f"    vd4rl import FOLDER --id {name}" for name in names]
    return "\n".join(lines)


def _collect_lines(spec: DatasetSpec) -> list[str]:
    clone = _PACKAGE.parent
    if (clone / "collection").is_dir():
        first = [f"cd {clone}"]
    else:
        first = [
            "cd CLONE   # a clone of the vd4rl-data repository; the wheel holds the library alone"
        ]
    return [
        *first,
        'pip install -e ".[collection]"',
        f"python -m collection collect {spec.name}",
    ]


def _announce(spec: DatasetSpec, stored: StoredDataset) -> None:
    origin, path = stored.manifest.origin, stored.path
    if origin == "regenerated":
        _LOG.warning("%s: a regenerated copy, not the authors' files: %s", spec.name, path)
    else:
        _LOG.info("%s: %s copy: %s", spec.name, origin, path)
