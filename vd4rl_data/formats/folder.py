"""A folder of other people's files: which they are, of which format, and in which order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from vd4rl_data.errors import DatasetFormatError, DatasetNotFoundError
from vd4rl_data.formats.format import Format
from vd4rl_data.formats.table import find_format, formats_of, known_formats
from vd4rl_data.ids import parse_id
from vd4rl_data.spec import DatasetSpec
from vd4rl_data.suites.vd4rl_files import find_official_file
from vd4rl_data.suites.vd4rl_listing import listed_names


@dataclass(frozen=True, slots=True)
class FolderListing:
    """The data files of one folder.

    Attributes:
        folder: where they lie.
        format: of all of them.
        names: their names in the format's reading order.
        ignored: names of all other files there, hidden ones excepted.
    """

    folder: Path
    format: Format
    names: tuple[str, ...]
    ignored: tuple[str, ...]

    @property
    def format_if_not_told(self) -> str | None:
        """The format's name, unless the names of the files tell it."""
        told = formats_of(self.names)
        return None if list(told) == [self.format] else self.format.name


def scan_folder(folder: Path, format: str | Format | None = None) -> FolderListing:  # noqa: A002
    """List the data files of a folder; reads no file and looks into no sub-folder.

    Args:
        folder: where they lie.
        format: their format; by default the one that their names tell.

    Raises:
        DatasetNotFoundError: there is no such folder, or no data file in it.
        DatasetFormatError: it mixes files of several formats, and none was named.
        UnknownFormatError, InvalidPluginError: as :func:`find_format`.
    """
    formats = known_formats() if format is None else (find_format(format),)
    if not folder.is_dir():
        raise DatasetNotFoundError(
            f"{folder} is not a folder; expected one of\n{_layouts(formats)}"
        )
    files = sorted(entry.name for entry in folder.iterdir() if entry.is_file())
    visible = [name for name in files if not name.startswith(".")]
    if format is None:
        found = formats_of(visible)
    else:
        (named,) = formats
        found = {named: [name for name in visible if name.endswith(named.suffixes)]}
    by_format = {each: names for each, names in found.items() if names}
    if len(by_format) > 1:
        raise DatasetFormatError(_mixed(folder, by_format, formats))
    for each, names in by_format.items():
        ignored = tuple(name for name in visible if name not in set(names))
        return FolderListing(folder, each, tuple(sorted(names, key=each.order)), ignored)
    raise DatasetNotFoundError(_nothing_in(folder, formats))


def part_files(listing: FolderListing, spec: DatasetSpec) -> dict[str, tuple[str, ...]]:
    """Split the files of a composite's official folder by the stored dataset they belong to.

    Args:
        listing: of an official ``medium_expert`` folder.
        spec: the composite dataset.

    Returns:
        Part id → names, in the order of ``spec.parts``. Files whose official name is not known (all
        64 px files) are in none of them.
    """
    listed = {part: set(listed_names(parse_id(part))) for part in spec.parts}
    by_behavior = {parse_id(part).behavior: part for part in spec.parts}
    found: dict[str, tuple[str, ...]] = dict.fromkeys(spec.parts, ())
    for name in listing.names:
        official = find_official_file(spec, name)
        parts = [part for part, names in listed.items() if name in names]
        if official is not None and official.behavior in by_behavior:
            parts = [by_behavior[official.behavior]]
        if len(parts) == 1:
            found[parts[0]] += (name,)
    return found


def _layouts(formats: Iterable[Format]) -> str:
    return "\n".join(each.layout for each in formats)


def _suffixes(formats: Iterable[Format]) -> list[str]:
    return list(dict.fromkeys(suffix for each in formats for suffix in each.suffixes))


def _mixed(folder: Path, by_format: dict[Format, list[str]], formats: Sequence[Format]) -> str:
    ordered = [each for each in formats if each in by_format]
    counts = " and ".join(
        f"{len(by_format[each])} {' or '.join(each.suffixes)} ({each.name})" for each in ordered
    )
    either = " or ".join(_suffixes(ordered))
    return (
        f"{folder}: expected either {either} files, got {counts}; a dataset is one or the "
        f"other, in a folder of its own, or say format= and the name of the one that is meant:\n"
        f"{_layouts(ordered)}"
    )


def _nothing_in(folder: Path, formats: Sequence[Format]) -> str:
    suffixes = _suffixes(formats)
    below = sorted(
        {
            path.parent.relative_to(folder).as_posix()
            for suffix in suffixes
            for path in folder.glob(f"*/*{suffix}")
        }
    )
    hint = f"; the folders {', '.join(below)} in it hold some, name one of them" if below else ""
    return (
        f"{folder} holds no {' or '.join(suffixes)} files{hint}; expected one of\n"
        f"{_layouts(formats)}"
    )
