"""The table of formats: found by name or by the names of files, imported when first needed."""

from __future__ import annotations

import difflib
import functools
import importlib
from collections.abc import Iterable, Sequence
from importlib.metadata import entry_points
from pathlib import PurePath
from typing import Any, Final

from vd4rl_data.errors import DatasetFormatError, InvalidPluginError, UnknownFormatError
from vd4rl_data.formats.format import Format
from vd4rl_data.plugins import VARIABLE, plugin_modules

FORMATS_GROUP: Final = "vd4rl_data.formats"
"""Entry points whose name is a format's name, and whose value its record: ``module:FORMAT``."""

FORMATS: Final[dict[str, str | Format]] = {
    "vd4rl-npz": "vd4rl_data.formats.vd4rl_npz:FORMAT",
    "vd4rl-hdf5": "vd4rl_data.formats.vd4rl_hdf5:FORMAT",
    "d5rl-npz": "vd4rl_data.formats.d5rl_npz:FORMAT",
    "minari": "vd4rl_data.formats.minari:FORMAT",
    "torchrl": "vd4rl_data.formats.torchrl:FORMAT",
}
"""Name → record, or where it is. Entry points, the ``FORMAT`` of modules that ``$VD4RL_PLUGINS``
names, and :func:`register_format` add to it. Where the name of a file fits several formats, the one
of the longest suffix is meant, of equal ones the first, unless another is named."""


def register_format(format: Format) -> Format:  # noqa: A002 -- the word of the command line
    """Add a format and return it.

    Raises:
        ValueError: another format already has this name.
    """
    known = FORMATS.get(format.name, format)
    if isinstance(known, str):
        known = _imported(format.name, known)
    if known != format:
        raise ValueError(f"format {format.name!r} is already registered with other settings")
    FORMATS[format.name] = format
    return format


def format_names() -> tuple[str, ...]:
    """The names of all formats; none is imported."""
    _add_plugins()
    return tuple(FORMATS)


def known_formats() -> tuple[Format, ...]:
    """All formats.

    Raises:
        InvalidPluginError: one of another package cannot be imported, or is no format.
    """
    return tuple(map(find_format, format_names()))


def find_format(format: str | Format) -> Format:  # noqa: A002
    """Look a format up by its name; a record is handed back.

    Raises:
        UnknownFormatError: there is no format of this name; the message lists the known ones.
        InvalidPluginError: it cannot be imported, or is no format.
    """
    if isinstance(format, Format):
        return format
    names = format_names()
    if format not in names:
        close = difflib.get_close_matches(format, names, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise UnknownFormatError(
            f"no format is called {format!r}.{hint} Known: {', '.join(names)}."
        )
    found = FORMATS[format]
    if isinstance(found, str):
        found = FORMATS[format] = _imported(format, found)
    return found


def format_of(names: Sequence[str]) -> Format:
    """The one format of some files, by what their names end with.

    Raises:
        DatasetFormatError: they are of no format, or of several.
    """
    found = formats_of(names)
    if len(found) == 1 and sum(map(len, found.values())) == len(names):
        return next(iter(found))
    suffixes = " or ".join(_suffixes(known_formats()))
    ends = sorted({PurePath(name).suffix for name in names})
    raise DatasetFormatError(f"expected only files of one kind ({suffixes}), got {ends}")


def formats_of(names: Iterable[str]) -> dict[Format, list[str]]:
    """Format → those of the names that are its files, in their order; other names are left out."""
    formats = known_formats()
    found: dict[Format, list[str]] = {}
    for name in names:
        fits = {each: _longest_suffix(each, name) for each in formats}
        best = max(formats, key=fits.__getitem__)
        if fits[best]:
            found.setdefault(best, []).append(name)
    return found


def _longest_suffix(format: Format, name: str) -> int:  # noqa: A002
    """Length of the longest suffix of a format that a name ends with; 0 if there is none."""
    return max((len(suffix) for suffix in format.suffixes if name.endswith(suffix)), default=0)


def _suffixes(formats: Iterable[Format]) -> list[str]:
    return list(dict.fromkeys(suffix for each in formats for suffix in each.suffixes))


@functools.cache
def _add_plugins() -> None:
    for entry in entry_points(group=FORMATS_GROUP):
        FORMATS.setdefault(entry.name, entry.value)
    for name in plugin_modules():
        found: Any = getattr(importlib.import_module(name), "FORMAT", None)
        if found is None:
            continue
        try:
            if not isinstance(found, Format):
                raise TypeError(f"FORMAT: expected a vd4rl_data.formats.Format, got {found!r}")
            register_format(found)
        except (TypeError, ValueError) as error:
            raise InvalidPluginError(f"{VARIABLE}: {name}: {error}") from error


def _imported(name: str, path: str) -> Format:
    module, _, attribute = path.partition(":")
    try:
        found: Any = getattr(importlib.import_module(module), attribute)
    except Exception as error:
        raise InvalidPluginError(
            f"format {name!r}: {path} cannot be imported: {type(error).__name__}: {error}"
        ) from error
    if not isinstance(found, Format) or found.name != name:
        raise InvalidPluginError(
            f"format {name!r}: {path}: expected a Format of this name, got {found!r}"
        )
    return found
