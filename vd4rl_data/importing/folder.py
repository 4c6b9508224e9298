"""Other people's files → a dataset file, which survives a kill at any moment.

    FOLDER ──one atomic part per episode──▶ <name>.h5.parts/ ──final pass──▶ <name>.h5 + sidecar

A part belongs to the very file that it was read from, by its SHA-256. A second run hashes all files
again, and reads only those that have not become parts: a file that could not be read can be mended,
replaced, removed or left out, and the same command goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

from vd4rl_data.errors import DatasetFormatError, DatasetNotFoundError, OutputExistsError
from vd4rl_data.formats import FolderListing, Format, part_files, scan_folder
from vd4rl_data.ids import parse_id
from vd4rl_data.importing.conversion import Conversion
from vd4rl_data.importing.files import Files
from vd4rl_data.paths import data_dir
from vd4rl_data.spec import DatasetSpec
from vd4rl_data.storage import Manifest, PartStore, open_dataset
from vd4rl_data.storage.atomic import clear_removed, remove_folder, write_lock
from vd4rl_data.storage.exported import find_exported
from vd4rl_data.storage.manifest import SKIPPED
from vd4rl_data.storage.naming import flat_path, sidecar_path

STAGES: Final = ("hashing", "reading", "writing")
"""What :func:`import_folder` does, in this order."""

Progress = Callable[[str, int, int], None]
"""Called with a stage, how much of it is done and (for ``reading``: about) how much there is."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What :func:`import_folder` did.

    Attributes:
        path: the dataset file.
        manifest: its manifest; ``provenance.repairs`` says what was mended or left out.
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
    format: str | Format | None = None,  # noqa: A002
    pattern: str = "*",
    check_hashes: bool = True,
    skip_broken: bool = False,
    progress: Progress | None = None,
) -> Imported:
    """Convert a folder of other people's files to a dataset file.

    The origin is ``official`` if every file is, by its SHA-256, one of the authors', else
    ``imported``; what :func:`~vd4rl_data.formats.export_dataset` wrote keeps what it says of
    itself. The same files give the same bytes, however often the work was interrupted.

    Args:
        folder: the files, as :func:`vd4rl_data.formats.scan_folder` expects them.
        spec: the dataset that the files hold.
        root: the data folder to write ``<root>/<id>.h5`` into; :func:`vd4rl_data.paths.data_dir` by
            default.
        format: of the files, or its name; by default the one that their names tell.
        pattern: take only files whose names match, e.g. ``*_medium.hdf5``.
        check_hashes: refuse a file that bears an official file's name but has another content.
        skip_broken: leave out files that cannot be read. The manifest names them, and is not
            ``complete``.
        progress: called often.

    Raises:
        DatasetNotFoundError: there is no such folder, or no matching data file in it.
        DatasetFormatError: the id is a composite, the parts of other work lie in the way, or files
            are not what they should be. All files are looked at first, and each of these is named.
        CorruptFileError, InvalidEpisodeError: a single file is damaged, as
            :func:`vd4rl_data.formats.read_folder` tells it.
        UnknownFormatError, InvalidPluginError: there is no such format, or it cannot be imported.
        OutputExistsError: another dataset file lies where this one shall be written.
        DatasetLockedError: another process writes the same dataset.
        NoSpaceError: the disk is full. Finished parts stay.
    """
    report = progress or _silent
    listing = scan_folder(folder, format)
    if spec.parts:
        raise DatasetFormatError(_composite_message(listing, spec))
    names = tuple(name for name in listing.names if fnmatchcase(name, pattern))
    if not names:
        raise DatasetNotFoundError(f"{folder}: no data file matches {pattern!r}: {listing.names}")
    path = flat_path(root or data_dir(), spec.name)
    recipe = {"command": "vd4rl import", "dataset_id": spec.name, **_told_format(listing)}
    with write_lock(parts_folder(path)):
        with write_lock(path):
            pass  # somebody else's final pass is told now, not after all the reading
        files = Files(listing, spec, names)
        files.hash(report, check_hashes=check_hashes)
        found = _find_finished(path, files, skip_broken=skip_broken)
        if found is None:
            with (
                Conversion(parts_folder(path), spec, listing.format, recipe) as conversion,
                _resume_hint(conversion.store),
            ):
                files.read(conversion, report)
                files.check(skip_broken=skip_broken)
                found = _write(path, conversion, files, _told_format(listing), report)
        _remove_parts(path, recipe)
    return found


def parts_folder(path: Path) -> Path:
    """Where the parts of a dataset file lie until it is in place."""
    return path.with_name(f"{path.name}.parts")


def _silent(stage: str, done: int, total: int) -> None:
    """Report nothing."""
    del stage, done, total


def _find_finished(path: Path, files: Files, *, skip_broken: bool) -> Imported | None:
    """The finished file of this very import; ``None`` if there is none or it was cut short."""
    if not path.is_file():
        return None
    stored = open_dataset(path)
    stored.close()
    manifest = stored.manifest
    left_out: Any = manifest.provenance.recipe.get(SKIPPED, [])
    held = sorted(map(_identity, [*manifest.provenance.sources, *left_out]))
    if held != files.identities():
        raise OutputExistsError(
            f"{path} is already there ({manifest.origin}, {manifest.num_episodes} episodes) and "
            "was not made of these files; remove it, or write elsewhere with root="
        )
    if left_out and not skip_broken:
        raise OutputExistsError(
            f"{path} is already there, made of these files without {_names(left_out)}, which could "
            "not be read; mend them and remove it, or write elsewhere with root="
        )
    # The sidecar is put in place last, while the parts are still there.
    return Imported(path, manifest, found=True) if sidecar_path(path).is_file() else None


def _told_format(listing: FolderListing) -> dict[str, str]:
    """For recipes: the format, where the names of the files do not tell it."""
    name = listing.format_if_not_told
    return {} if name is None else {"format": name}


def _write(
    path: Path, conversion: Conversion, files: Files, told: Mapping[str, str], report: Progress
) -> Imported:
    kept = files.sources()
    exported = find_exported(files.folder, kept)
    origin = "official" if files.are_official() else exported.origin if exported else "imported"
    kind = files.format.suffixes[0].removeprefix(".")
    recipe: dict[str, Any] = {"command": "vd4rl import", "kind": kind, **told}
    if files.broken:
        recipe[SKIPPED] = files.skipped()
    if exported:
        recipe["exported_from"] = exported.parts
    total = conversion.count(kept)
    manifest = conversion.write(
        path,
        origin,
        recipe,
        sources=kept,
        repairs=(*(exported.repairs if exported else ()), *files.lines()),
        facts=exported.facts if exported else None,
        on_episode=lambda done: report("writing", done, total),
    )
    return Imported(path, manifest)


def _identity(file: Mapping[str, Any]) -> tuple[str, str]:
    return str(file.get("name")), str(file.get("sha256"))


def _names(files: Sequence[Mapping[str, Any]]) -> str:
    return ", ".join(str(file.get("name")) for file in files)


def _remove_parts(path: Path, recipe: Mapping[str, Any]) -> None:
    """Remove our own parts; the folder disappears in one step, so no kill leaves half of it."""
    folder = parts_folder(path)
    clear_removed(folder)
    if not folder.is_dir():
        return
    try:
        PartStore(folder, recipe)
    except DatasetFormatError:
        return  # those of another import or collection, and worth hours
    remove_folder(folder)


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
        if not names:
            lines.append(f"    vd4rl import FOLDER --id {part}")
            continue
        behavior, suffix = parse_id(part).behavior, Path(names[0]).suffix
        ends = all(fnmatchcase(name, f"*_{behavior}{suffix}") for name in names)
        pattern = f"*_{behavior}{'' if ends else '_*'}{suffix}"
        lines.append(f"    vd4rl import {listing.folder} --id {part} --files '{pattern}'")
    if all(by_part.values()):
        lines.append(
            f"{listing.folder} holds the files of both parts, byte for byte those of their own "
            "folders, so it serves for both."
        )
    return "\n".join(lines)
