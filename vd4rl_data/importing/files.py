"""The files of one import: hashed, read, and of those that cannot be read, every one named."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from vd4rl_data.errors import DatasetFormatError, InvalidEpisodeError, NoSpaceError
from vd4rl_data.formats import FolderListing, SourceFile, check_no_copy, content_sha256, identify
from vd4rl_data.importing.conversion import Conversion
from vd4rl_data.spec import DatasetSpec

SKIP_HINT: Final = "skip_broken=True leaves out what cannot be read"

_SHOWN_REASONS: Final = 30
_UNREADABLE: Final = (DatasetFormatError, InvalidEpisodeError)

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Broken:
    """A file that cannot be read: its SHA-256 (empty if not even its bytes can), and the error."""

    sha256: str
    error: Exception


class Files:
    """The files that an import was asked for, in reading order.

    Attributes:
        folder: where they lie.
        format: of all of them.
        broken: by name, those that cannot be read.
    """

    def __init__(self, listing: FolderListing, spec: DatasetSpec, names: Sequence[str]) -> None:
        """Nothing is read yet."""
        self.folder = listing.folder
        self.format = listing.format
        self.broken: dict[str, Broken] = {}
        self._spec = spec
        self._names = names
        self._found: dict[str, SourceFile] = {}

    def hash(self, report: Progress, *, check_hashes: bool) -> None:
        """Compute every SHA-256 and hold it against the official one of its name."""
        for done, name in enumerate(self._names, start=1):
            path, sha256 = self.folder / name, ""
            try:
                sha256 = content_sha256(path, self.format)
                file = identify(path, sha256, self._spec, check_hash=check_hashes)
                check_no_copy(path, file, self._found.values())
            except (*_UNREADABLE, OSError) as error:
                self.broken[name] = Broken(sha256, error)
            else:
                self._found[name] = file
            report("hashing", done, len(self._names))

    def read(self, conversion: Conversion, report: Progress) -> None:
        """Turn every file that is not among the parts yet into parts.

        Raises:
            NoSpaceError: the disk is full.
        """
        about = len(self._names) if self.format.one_per_file else self._spec.num_episodes

        def tell(count: int) -> None:
            report("reading", count, max(about, count))

        for name, file in list(self._found.items()):
            if conversion.has(file.sha256):
                continue
            try:
                conversion.add(self.folder / name, asdict(file), on_episode=tell)
            except NoSpaceError:
                raise
            except _UNREADABLE as error:
                self.broken[name] = Broken(file.sha256, error)
                del self._found[name]

    def check(self, *, skip_broken: bool) -> None:
        """Refuse to go on without a file, unless that was asked for and others can be read.

        Raises:
            CorruptFileError, DatasetFormatError, InvalidEpisodeError, OSError: the one file that
                cannot be read.
            DatasetFormatError: several cannot; each is named.
        """
        if not self.broken or (skip_broken and self._found):
            return
        if len(self.broken) == 1:
            error = next(iter(self.broken.values())).error
        else:
            error = DatasetFormatError(self._all_of_them())
        if self._found:
            error.add_note(f"The other {len(self._found):,} files can be read; {SKIP_HINT}.")
        raise error

    def sources(self) -> list[dict[str, Any]]:
        """Name, bytes, SHA-256 and its status of each file that was read, in reading order."""
        return [asdict(file) for file in self._found.values()]

    def are_official(self) -> bool:
        """Whether all of them are, by their SHA-256, the authors' own."""
        return all(file.hash_status == "verified" for file in self._found.values())

    def identities(self) -> list[tuple[str, str]]:
        """Name and SHA-256 of every file, those that cannot be read too; sorted."""
        found = [(name, file.sha256) for name, file in self._found.items()]
        return sorted(found + [(name, file.sha256) for name, file in self.broken.items()])

    def skipped(self) -> list[dict[str, str]]:
        """For the recipe: name and SHA-256 of each file that is left out."""
        return [{"name": name, "sha256": file.sha256} for name, file in self.broken.items()]

    def lines(self) -> list[str]:
        """For the repairs: a line for each file that is left out."""
        return [f"left out {name}: {self._reason(name)}" for name in self.broken]

    def _reason(self, name: str) -> str:
        """What is wrong, without the place on this machine."""
        error = self.broken[name].error
        if isinstance(error, OSError) and error.strerror and not isinstance(error, _UNREADABLE):
            return error.strerror
        text = str(error).replace(f"{self.folder}{os.sep}", "")
        return text.removeprefix(f"{name}: ")

    def _all_of_them(self) -> str:
        names = [name for name in self._names if name in self.broken]
        lines = [f"    {name}: {self._reason(name)}" for name in names[:_SHOWN_REASONS]]
        if names[_SHOWN_REASONS:]:
            lines.append(f"    and {', '.join(names[_SHOWN_REASONS:])}")
        text = "\n".join(lines)
        return (
            f"{self.folder}: {len(names):,} of {len(self._names):,} files cannot be read:\n{text}\n"
            "mend, replace or remove them, and give the same command again"
        )
