"""The memory of a download folder: what has arrived, written as it happens, one line each.

Every line is one JSON object and is written with one call, so a process that is killed leaves
whole lines and at most one torn one at the end, which is dropped. A line is written after the bytes
it speaks of; a crash of the whole machine may still lose the bytes and keep the line, so what the
journal says of another boot is checked against the bytes before it is believed.
"""

from __future__ import annotations

import errno
import functools
import json
import logging
import os
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, cast

from vd4rl_data.download.transfer.model import Check
from vd4rl_data.download.transfer.names import STATE_FOLDER
from vd4rl_data.storage.atomic import full_disk_errors, write_text

_LOGGER: Final = logging.getLogger("vd4rl_data")
_NAME: Final = "journal.jsonl"
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Whole:
    """A file that arrived whole: its size, SHA-256, and the state of the disk that proves it.

    ``boot`` names the boot of the machine that wrote it and is empty where that cannot be known.
    """

    size: int
    sha256: str
    check: Check
    mtime_ns: int
    boot: str


@dataclass(slots=True)
class Begun:
    """A file that is on its way: each piece that arrived, and its CRC-32 where no hash is known.

    ``identity`` is what the server calls this content, empty if it has no name for it.
    """

    size: int
    piece_bytes: int
    identity: str
    pieces: dict[int, int | None] = field(default_factory=dict[int, int | None])


@dataclass(slots=True)
class Entry:
    """Everything known of one path."""

    begun: Begun | None = None
    whole: Whole | None = None
    consumed: bool = False


class Journal:
    """Reads the journal of a folder once and appends to it; safe to use from several threads."""

    def __init__(self, folder: Path) -> None:
        """Open or create it; the caller holds the folder's lock.

        Raises:
            NoSpaceError: the disk is full.
        """
        self._path = folder / STATE_FOLDER / _NAME
        self._lock = threading.Lock()
        self._entries, stale = _read(self._path)
        if stale:
            lines = [line for path, entry in self._entries.items() for line in _lines(path, entry)]
            write_text(self._path, "".join(lines))
        with full_disk_errors(self._path):
            self._file = self._path.open("ab", buffering=0)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def entry(self, path: str) -> Entry:
        """What is known of a path; an empty entry if nothing is."""
        return self._entries.get(path, Entry())

    def begin(self, path: str, begun: Begun) -> None:
        """A file starts from nothing."""
        self._append(_begun_line(path, begun))

    def add_piece(self, path: str, piece: int, crc32: int | None) -> None:
        """A piece is on the disk."""
        self._append({"path": path, "piece": piece, "crc32": crc32})

    def finish(self, path: str, whole: Whole) -> None:
        """A file is whole; it may be about to get its final name."""
        self._append(_whole_line(path, whole))

    def consume(self, path: str) -> None:
        """The consumer took a file for good, and the file may go."""
        self._append({"path": path, "consumed": True})

    def _append(self, line: dict[str, Any]) -> None:
        data = f"{json.dumps(line)}\n".encode()
        with self._lock, full_disk_errors(self._path):
            _apply(self._entries, line)
            if self._file.write(data) != len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def bytes_there(folder: Path, paths: list[str]) -> int:
    """Bytes of these files that have arrived, as far as the journal says; takes no lock."""
    entries, _ = _read(folder / STATE_FOLDER / _NAME)
    total = 0
    for path in paths:
        entry = entries.get(path, Entry())
        if entry.whole is not None:
            total += entry.whole.size
        elif entry.begun is not None:
            total += min(len(entry.begun.pieces) * entry.begun.piece_bytes, entry.begun.size)
    return total


@functools.cache
def boot_id() -> str:
    """Names this boot of this machine; empty where the system does not tell."""
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _read(path: Path) -> tuple[dict[str, Entry], bool]:
    """All entries, and whether the file holds lines that are torn or say nothing any more."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return {}, False
    entries: dict[str, Entry] = {}
    lines = text.split("\n")
    broken = lines.pop() != ""
    for number, line in enumerate(lines, 1):
        try:
            _apply(entries, cast("dict[str, Any]", json.loads(line)))
        except (ValueError, KeyError, TypeError, AttributeError):
            _LOGGER.warning("%s: line %d is not ours; ignored", path, number)
            broken = True
    useful = sum(len(_lines(name, entry)) for name, entry in entries.items())
    return entries, broken or len(lines) > useful


def _apply(entries: dict[str, Entry], line: dict[str, Any]) -> None:
    entry = entries.setdefault(str(line["path"]), Entry())
    if "piece" in line:
        if entry.begun is not None:
            crc32 = line["crc32"]
            entry.begun.pieces[int(line["piece"])] = None if crc32 is None else int(crc32)
    elif "piece_bytes" in line:
        entry.begun = Begun(int(line["size"]), int(line["piece_bytes"]), str(line["identity"]))
    elif "consumed" in line:
        entry.consumed = bool(line["consumed"])
    else:
        entry.whole = Whole(
            size=int(line["size"]),
            sha256=str(line["sha256"]),
            check=line["check"],
            mtime_ns=int(line["mtime_ns"]),
            boot=str(line["boot"]),
        )
        entry.begun, entry.consumed = None, False


def _lines(path: str, entry: Entry) -> list[str]:
    """The fewest lines that say the same."""
    lines: list[dict[str, Any]] = []
    if entry.whole is not None:
        lines.append(_whole_line(path, entry.whole))
    if entry.consumed:
        lines.append({"path": path, "consumed": True})
    if entry.begun is not None:
        lines.append(_begun_line(path, entry.begun))
        lines += [
            {"path": path, "piece": piece, "crc32": crc32}
            for piece, crc32 in sorted(entry.begun.pieces.items())
        ]
    return [f"{json.dumps(line)}\n" for line in lines]


def _begun_line(path: str, begun: Begun) -> dict[str, Any]:
    return {
        "path": path,
        "size": begun.size,
        "piece_bytes": begun.piece_bytes,
        "identity": begun.identity,
    }


def _whole_line(path: str, whole: Whole) -> dict[str, Any]:
    return {
        "path": path,
        "size": whole.size,
        "sha256": whole.sha256,
        "check": whole.check,
        "mtime_ns": whole.mtime_ns,
        "boot": whole.boot,
    }
