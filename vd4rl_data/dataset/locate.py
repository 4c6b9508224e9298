"""Which file on this machine holds a dataset, and what to say if there is none."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from vd4rl_data.download.public_files import holds_source, public_source
from vd4rl_data.paths import search_dirs
from vd4rl_data.spec import DatasetSpec
from vd4rl_data.storage.manifest import Manifest
from vd4rl_data.storage.naming import first_shard, flat_path, public_path
from vd4rl_data.storage.reader import StoredDataset, open_dataset
from vd4rl_data.ways import ways_to_get

SOURCES: Final = ("auto", "local")

_LOG = logging.getLogger("vd4rl_data")
_PACKAGE: Final = Path(__file__).parents[1]
_SAMPLES: Final = _PACKAGE / "samples"


@dataclass(frozen=True, slots=True)
class LocalDataset:
    """A dataset file that was found: its path and whether it lies inside the package."""

    path: Path
    bundled: bool


def find_local(spec: DatasetSpec, root: Path | None = None) -> Iterator[LocalDataset]:
    """Files that hold this id; flat ones, then packed ones, then downloaded ones; none is opened.

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
        public = public_path(folder, spec.name)
        if public.is_file():
            yield LocalDataset(public, bundled=False)
    if root is None and spec.bundled:
        packed = first_shard(flat_path(_SAMPLES, spec.name))
        if packed is not None:
            yield LocalDataset(packed, bundled=True)


@dataclass(frozen=True, slots=True)
class Search:
    """What the data folders hold of an id.

    Attributes:
        stored: the best usable file, opened; ``None`` if there is none.
        passed_over: a line for each file that is not usable.
    """

    stored: StoredDataset | None
    passed_over: tuple[str, ...] = ()


def search_local(spec: DatasetSpec, source: str, root: Path | None) -> Search:
    """Look for the best local file of a dataset that is stored under its own id.

    Complete files of the authors' data come first, then complete regenerated ones, then those that
    hold all that the authors' public repository does.

    Args:
        spec: the catalog row.
        source: ``auto`` takes these; ``local`` takes the first file that is there.
        root: look in this folder alone.

    Raises:
        ValueError: the source is not one of :data:`SOURCES`.
        CorruptFileError, DatasetFormatError: a file is damaged.
    """
    if str(source) not in SOURCES:
        raise ValueError(f"source: expected {', '.join(SOURCES)} or hf://USER/NAME, got {source!r}")
    best: tuple[int, StoredDataset] | None = None
    passed_over: list[str] = []
    for local in find_local(spec, root):
        stored = open_dataset(local.path)
        rank = 0 if source == "local" else rank_of(spec, stored.manifest)
        if rank is None:
            passed_over.append(
                f"{local.path} holds {len(stored)} of {spec.num_episodes} episodes "
                '(source="local" takes it all the same)'
            )
        if rank is None or (best is not None and best[0] <= rank):
            stored.close()
            continue
        if best is not None:
            best[1].close()
        best = rank, stored
    return Search(None if best is None else best[1], tuple(passed_over))


def rank_of(spec: DatasetSpec, manifest: Manifest) -> int | None:
    """How good a file is for ``source="auto"``, 0 the best; ``None`` if it will not do."""
    if manifest.complete:
        return 1 if manifest.provenance.origin == "regenerated" else 0
    public = public_source(spec)
    return 2 if public is not None and holds_source(public, manifest) else None


def announce(spec: DatasetSpec, stored: StoredDataset) -> None:
    """Say in one line which file is taken, as a warning if it is not all that the id promises."""
    manifest, path = stored.manifest, stored.path
    origin = manifest.provenance.origin
    if origin == "regenerated":
        _LOG.warning("%s: a regenerated copy, not the authors' files: %s", spec.name, path)
    elif not manifest.complete and rank_of(spec, manifest) is not None:
        _LOG.warning(
            "%s: %d of %d episodes, all that the authors' public files hold (%s copy): %s",
            spec.name,
            len(stored),
            spec.num_episodes,
            origin,
            path,
        )
    else:
        _LOG.info("%s: %s copy: %s", spec.name, origin, path)


def not_found_message(
    spec: DatasetSpec, root: Path | None, passed_over: Sequence[str], failure: str = ""
) -> str:
    """What to do about a dataset that is not here.

    Args:
        spec: the catalog row.
        root: the folder that was looked in; ``None``: the data folders.
        passed_over: a line for each file that is here and not usable.
        failure: why it could not be fetched, if that was tried.
    """
    folders = [root] if root is not None else search_dirs()
    looked = ", ".join(f"{each}{'' if each.is_dir() else ' (not there)'}" for each in folders)
    lines = [f"{spec.name} is not on this machine; looked in {looked}."]
    lines += passed_over
    if failure:
        lines.append(f"It could not be fetched: {failure}")
    for way in ways_to_get(spec):
        again = " again, once that is fixed" if failure and way.kind == "download" else ""
        lines.append(f"{way.title}{again}:")
        lines += [f"    {command}" for command in way.commands]
    return "\n".join(lines)
