"""What an earlier call left whole: believed without reading it, or hashed once more."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Final

from vd4rl_data.download.transfer.hashing import sha256_of
from vd4rl_data.download.transfer.journal import Journal, Whole, boot_id
from vd4rl_data.download.transfer.model import Check, FetchedFile, RemoteFile
from vd4rl_data.errors import OutputExistsError
from vd4rl_data.storage.atomic import TEMPORARY_SUFFIX

_LOGGER: Final = logging.getLogger("vd4rl_data")


def find_arrived(
    file: RemoteFile, target: Path, journal: Journal, *, skip_consumed: bool
) -> FetchedFile | None:
    """The file, if it is here whole or was consumed; ``None`` if it has to be fetched.

    Raises:
        OutputExistsError: a folder stands where the file belongs.
    """
    if target.is_dir():
        raise OutputExistsError(f"{target} is a folder; expected a file or nothing")
    entry = journal.entry(file.path)
    whole = entry.whole
    if whole is not None and not _may_be(whole, file):
        whole = None
    if whole is not None and entry.consumed and skip_consumed:
        target.unlink(missing_ok=True)
        return _fetched(file, whole, consumed=True)
    place = target if target.is_file() else target.with_name(target.name + TEMPORARY_SUFFIX)
    whole = _check(place, file, whole, journal) if place.is_file() else None
    if whole is None:
        return None
    place.replace(target)
    return _fetched(file, whole, consumed=False)


def _may_be(whole: Whole, file: RemoteFile) -> bool:
    return file.sha256 in (None, whole.sha256) and file.size in (None, whole.size)


def _check(place: Path, file: RemoteFile, whole: Whole | None, journal: Journal) -> Whole | None:
    """What is known of a file on the disk, if its bytes are right."""
    stat = place.stat()
    partial = journal.entry(file.path).begun is not None and place.name.endswith(TEMPORARY_SUFFIX)
    if partial or (whole is None and file.sha256 is None):
        return None
    expected_size = file.size if whole is None else whole.size
    if expected_size in (None, stat.st_size):
        boot = boot_id()
        if whole is not None and boot and (whole.boot, whole.mtime_ns) == (boot, stat.st_mtime_ns):
            return whole
        check: Check = "known" if whole is None else whole.check
        sha256 = sha256_of(place)
        if sha256 == (file.sha256 if whole is None else whole.sha256):
            known = Whole(stat.st_size, sha256, check, stat.st_mtime_ns, boot)
            journal.finish(file.path, known)
            return known
    _LOGGER.warning("%s: its bytes are not those that were downloaded; fetching it again", place)
    return None


def _fetched(file: RemoteFile, whole: Whole, *, consumed: bool) -> FetchedFile:
    check = "known" if file.sha256 is not None else whole.check
    return FetchedFile(file, whole.size, whole.sha256, check, consumed)
