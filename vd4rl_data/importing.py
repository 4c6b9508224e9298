"""Official V-D4RL files → a dataset file, killed at any moment and gone on with.

    FOLDER ──one atomic part per episode──▶ <name>.h5.parts/ ──final pass──▶ <name>.h5 + sidecar

The parts belong to the very files that were read: their names and hashes are the recipe, so a
folder that changed in between is refused. A second run reads all files again, which also checks
them, but compresses and writes only the parts that are missing.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import platform
import shutil
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

from vd4rl_data.errors import DatasetFormatError, DatasetNotFoundError, OutputExistsError
from vd4rl_data.paths import data_dir
from vd4rl_data.registry import DatasetSpec, parse_id
from vd4rl_data.storage import Manifest, PartStore, Provenance, open_dataset, write_dataset
from vd4rl_data.storage.atomic import write_lock
from vd4rl_data.storage.naming import flat_path, sidecar_path
from vd4rl_data.upstream import FolderListing, SourceFile, part_files, read_folder, scan_folder
from vd4rl_data.version import __version__

STAGES: Final = ("hashing", "reading", "writing")
"""What :func:`import_folder` does, in this order."""

Progress = Callable[[str, int, int], None]
"""Called with a stage, how much of it is done and (for ``reading``: about) how much there is."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What :func:`import_folder` did.

    Attributes:
        path: the dataset file.
        manifest: its manifest; ``provenance.repairs`` says what was mended.
        found: it was there already, made of the same files; nothing was written.
    """

    path: Path
    manifest: Manifest
    found: bool = False


def import_folder(
    folder: Path,
    spec: DatasetSpec,
    root: Path | None = None,
    *,
    pattern: str = "*",
    check_hashes: bool = True,
    progress: Progress | None = None,
) -> Imported:
    """Convert a folder of official files (``.npz`` or ``.hdf5``) to a dataset file.

    The origin is ``official`` if every file is, by its SHA-256, one of the authors', else
    ``imported``. The same files give the same bytes, however often the work was interrupted.

    Args:
        folder: the files, as :func:`vd4rl_data.upstream.scan_folder` expects them.
        spec: the dataset that they are.
        root: the data folder to write ``<root>/<id>.h5`` into; :func:`vd4rl_data.paths.data_dir` by
            default.
        pattern: take only files whose names match, e.g. ``*_medium.hdf5``.
        check_hashes: refuse a file that bears an official file's name but has another content.
        progress: called often.

    Raises:
        DatasetNotFoundError: there is no such folder, or no matching data file in it.
        DatasetFormatError: the id is a composite, a file is not what it should be, or the parts of
            another import lie in the way.
        CorruptFileError, InvalidEpisodeError: as :func:`vd4rl_data.upstream.read_folder`.
        OutputExistsError: another dataset file lies where this one shall be written.
        DatasetLockedError: another process writes the same dataset.
        NoSpaceError: the disk is full. Finished parts stay.
    """
    report = progress or _silent
    listing = scan_folder(folder)
    if spec.parts:
        raise DatasetFormatError(_composite_message(listing, spec))
    names = tuple(name for name in listing.names if fnmatchcase(name, pattern))
    if not names:
        raise DatasetNotFoundError(f"{folder}: no data file matches {pattern!r}: {listing.names}")
    path = flat_path(root or data_dir(), spec.name)
    with write_lock(parts_folder(path)):
        with write_lock(path):
            pass  # somebody else's final pass is told now, not after all the reading
        recipe = _recipe(listing, spec, names, report)
        found = _find_finished(path, recipe)
        if found is None:
            store = PartStore(parts_folder(path), recipe)
            with _resume_hint(store):
                count, provenance = _read_into(store, listing, spec, names, check_hashes, report)
                found = _write(path, spec, store, count, provenance, report)
        _remove_parts(path, recipe)
    return found


def parts_folder(path: Path) -> Path:
    """Where the parts of a dataset file lie until it is in place."""
    return path.with_name(f"{path.name}.parts")


def _silent(stage: str, done: int, total: int) -> None:
    """Report nothing."""
    del stage, done, total


def _read_into(
    store: PartStore,
    listing: FolderListing,
    spec: DatasetSpec,
    names: tuple[str, ...],
    check_hashes: bool,
    report: Progress,
) -> tuple[int, Provenance]:
    """Read everything and write the parts that are missing; returns how many there are."""
    about = len(names) if listing.kind == "npz" else spec.num_episodes
    count, repairs = 0, list[str]()
    with read_folder(listing.folder, spec, names=names, check_hashes=check_hashes) as reader:
        for item in reader:
            if not store.has(count):
                store.write(count, item.episode)
            repairs += [f"{item.source}: {repair}" for repair in item.repairs]
            count += 1
            report("reading", count, max(about, count))
        files = list(reader.files)
    return count, _provenance(listing, files, repairs)


def _provenance(
    listing: FolderListing, files: Sequence[SourceFile], repairs: Sequence[str]
) -> Provenance:
    official = all(file.hash_status == "verified" for file in files)
    return Provenance(
        origin="official" if official else "imported",
        versions={
            "python": platform.python_version(),
            "vd4rl_data": __version__,
            **{name: importlib.metadata.version(name) for name in ("numpy", "h5py")},
        },
        recipe={"command": "vd4rl import", "kind": listing.kind},
        sources=[asdict(file) for file in files],
        repairs=tuple(repairs),
    )


def _recipe(
    listing: FolderListing, spec: DatasetSpec, names: Sequence[str], report: Progress
) -> dict[str, Any]:
    """What decides the bytes of every part: the dataset, and each file with its SHA-256."""
    files: list[dict[str, str]] = []
    for name in names:
        with (listing.folder / name).open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        files.append({"name": name, "sha256": digest})
        report("hashing", len(files), len(names))
    return {"command": "vd4rl import", "dataset_id": spec.name, "files": files}


def _find_finished(path: Path, recipe: Mapping[str, Any]) -> Imported | None:
    """The finished file of this very import; ``None`` if there is none or it was cut short."""
    if not path.is_file():
        return None
    stored = open_dataset(path)
    stored.close()
    manifest = stored.manifest
    sources = [{key: file.get(key) for key in ("name", "sha256")} for file in _sources(manifest)]
    if sources != recipe["files"]:
        raise OutputExistsError(
            f"{path} is already there ({manifest.origin}, {manifest.num_episodes} episodes) and "
            "was not made of these files; remove it, or write elsewhere with --out"
        )
    # The sidecar is put in place last, while the parts are still there.
    return Imported(path, manifest, found=True) if sidecar_path(path).is_file() else None


def _sources(manifest: Manifest) -> Sequence[Mapping[str, Any]]:
    return manifest.provenance.sources


def _write(
    path: Path,
    spec: DatasetSpec,
    store: PartStore,
    num_episodes: int,
    provenance: Provenance,
    report: Progress,
) -> Imported:
    numbers = range(num_episodes)
    manifest = write_dataset(
        path,
        spec,
        store.episodes(numbers),
        [store.length(number) for number in numbers],
        provenance,
        progress=lambda done: report("writing", done, num_episodes),
    )
    return Imported(path, manifest)


def _remove_parts(path: Path, recipe: Mapping[str, Any]) -> None:
    """Remove our own parts; the folder disappears in one step, so no kill leaves half of it."""
    folder = parts_folder(path)
    doomed = folder.with_name(f"{folder.name}.removed")
    shutil.rmtree(doomed, ignore_errors=True)
    if not folder.is_dir():
        return
    try:
        PartStore(folder, recipe)
    except DatasetFormatError:
        return  # those of another import or collection, and worth hours
    folder.rename(doomed)
    shutil.rmtree(doomed)


@contextmanager
def _resume_hint(store: PartStore) -> Generator[None]:
    """Whatever goes wrong, say what is safe and how to go on."""
    try:
        yield
    except BaseException as error:
        parts = len(list(store.folder.glob("*.h5")))
        if parts:
            error.add_note(
                f"{parts} episodes are safe in {store.folder}; the same command goes on from there."
            )
        raise


def _composite_message(listing: FolderListing, spec: DatasetSpec) -> str:
    lines = [
        f"{spec.name} is {' followed by '.join(spec.parts)} and is never stored itself. Import its "
        "parts; it can be loaded as soon as both are here:"
    ]
    by_part = part_files(listing, spec)
    for part, names in by_part.items():
        behavior = parse_id(part).behavior
        lines.append(
            f"    vd4rl import {listing.folder} --id {part} --files '*_{behavior}.hdf5'"
            if names
            else f"    vd4rl import FOLDER --id {part}"
        )
    if all(by_part.values()):
        lines.append(
            f"{listing.folder} holds the files of both parts, byte for byte those of their own "
            "folders, so it serves for both."
        )
    return "\n".join(lines)
