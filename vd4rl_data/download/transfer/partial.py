"""One file on its way: its bytes on the disk, who fetches which, and what they add up to."""

from __future__ import annotations

import os
import threading
import zlib
from pathlib import Path
from typing import Final

from vd4rl_data.download.transfer.client import Answer
from vd4rl_data.download.transfer.hashing import RunningHash
from vd4rl_data.download.transfer.journal import Begun, Journal, Whole, boot_id
from vd4rl_data.download.transfer.model import Check, RemoteFile
from vd4rl_data.download.transfer.pieces import PIECES_PER_CHUNK, Cursor, Pieces
from vd4rl_data.errors import Vd4rlError
from vd4rl_data.storage.atomic import TEMPORARY_SUFFIX, check_free_space, full_disk_errors

_BLOCK: Final = 1 << 20


class WrongContentError(Exception):
    """The bytes, or what the server says of them, are not those of the file asked for."""


class ChangedError(WrongContentError):
    """Two answers speak of different contents, and nobody knows which of them is right."""


class StaleError(Exception):
    """The file was started anew meanwhile; the thread's part of it no longer counts."""


class Partial:
    """A file in ``<name>.incomplete``. Safe to use from several threads.

    A file that is started anew is a new object on a new disk file, so that a thread that is late
    writes where nobody reads.

    Attributes:
        file, target: what is fetched, and where it goes.
        tries: how often it was started anew.
        refused: the servers, by rank, that will not be asked for this file, and why.
        server: the rank of the server that was asked last.
        stale: the file was started anew; this object is no longer the one in use.
        ranged: a server gave a range of it, so that several threads may fetch it.
        received: bytes that are here.
    """

    def __init__(
        self, file: RemoteFile, target: Path, journal: Journal, chunk_bytes: int, tries: int = 0
    ) -> None:
        """Start from nothing and touch no disk yet."""
        self.file = file
        self.target = target
        self.tries = tries
        self.refused: dict[int, Vd4rlError] = {}
        self.server = 0
        self.stale = False
        self.ranged = False
        self.received = 0
        self._chunk_bytes = chunk_bytes
        self._journal = journal
        self._temporary = target.with_name(target.name + TEMPORARY_SUFFIX)
        self._pieces = Pieces(max(1, chunk_bytes // PIECES_PER_CHUNK))
        self._identity = ""
        self._stated: str | None = None
        self._descriptor = -1
        self._hash: RunningHash | None = None
        self._lock = threading.Lock()

    @property
    def size(self) -> int | None:
        """Bytes of the whole file, if they are known yet."""
        return self.file.size if self._pieces.size is None else self._pieces.size

    @property
    def missing(self) -> int:
        """How many pieces nobody fetches yet."""
        return self._pieces.missing

    @property
    def complete(self) -> bool:
        """Whether every piece is here."""
        return self._pieces.complete

    def resume(self) -> None:
        """Take over the pieces of an earlier run, as far as they can be believed."""
        begun = self._journal.entry(self.file.path).begun
        if begun is None or begun.piece_bytes < 1 or self.file.size not in (None, begun.size):
            return
        if not self._temporary.is_file():
            return
        self._pieces = Pieces(begun.piece_bytes)
        self._pieces.allot(begun.size)
        self._identity = begun.identity
        self._open(os.O_RDWR)
        for piece, crc32 in begun.pieces.items():
            if self._holds(piece, crc32):
                self.received += self._pieces.put(piece)

    def adopt(self, answer: Answer) -> None:
        """Take what a server says of the file; prepare the disk on the first answer.

        Raises:
            WrongContentError: size or content differ from what is known.
            ChangedError: they differ from what was said before.
            StaleError: the file was started anew.
            NoSpaceError: the disk has no room for the file.
        """
        expected = self.file.sha256
        if self.file.size not in (None, answer.size):
            raise WrongContentError(
                f"expected {self.file.size} bytes, the server has {answer.size}"
            )
        if expected is not None and answer.sha256 not in (None, expected):
            raise WrongContentError(
                f"expected the SHA-256 {expected}, the server states {answer.sha256}"
            )
        identity = "" if expected is not None else answer.sha256 or answer.tag or ""
        with self._lock:
            self._check_fresh()
            self._stated = answer.sha256 or self._stated
            self.ranged = answer.ranged
            if self._pieces.size is None:
                self._begin(answer.size, identity)
            elif self._pieces.size != answer.size or self._identity != identity:
                raise ChangedError("the servers' file changed while it was downloaded")

    def claim(self, share: int = PIECES_PER_CHUNK) -> Cursor | None:
        """See :meth:`Pieces.claim`."""
        with self._lock:
            return None if self.stale else self._pieces.claim(share)

    def claim_at(self, position: int) -> Cursor | None:
        """See :meth:`Pieces.claim_at`."""
        with self._lock:
            return None if self.stale else self._pieces.claim_at(position)

    def piece_end(self, position: int) -> int:
        """The byte after the piece that a byte belongs to."""
        return self._pieces.end(position)

    def write(self, cursor: Cursor, view: memoryview) -> None:
        """Put bytes where the cursor stands and move it on.

        Raises:
            StaleError: the file was started anew.
            NoSpaceError: the disk is full.
        """
        if self.stale or self._hash is None:
            raise StaleError(self.file.path)
        offset = cursor.position
        with full_disk_errors(self._temporary):
            rest = view
            while rest:
                rest = rest[os.pwrite(self._descriptor, rest, offset + len(view) - len(rest)) :]
        self._hash.feed(offset, view)
        if self.file.sha256 is None:
            cursor.crc32 = zlib.crc32(view, cursor.crc32)
        cursor.position += len(view)
        with self._lock:
            self.received += len(view)

    def arrive(self, cursor: Cursor) -> bool:
        """Note that the piece before the cursor is here; whether the file is complete with it."""
        piece = (cursor.position - 1) // self._pieces.piece_bytes
        crc32 = cursor.crc32 if self.file.sha256 is None else None
        cursor.crc32 = 0
        with self._lock:
            self._check_fresh()
            self._journal.add_piece(self.file.path, piece, crc32)
            self._pieces.put(piece)
            complete = self.complete
            frontier = 0 if self._hash is None else self._pieces.frontier(self._hash.hashed)
        if not complete and self._hash is not None:
            self._hash.catch_up(frontier)
        return complete

    def finish(self) -> Whole:
        """Check the complete file and give it its name.

        Raises:
            WrongContentError: the bytes do not have the SHA-256 that they should.
        """
        size, running = self._pieces.size, self._hash
        if size is None or running is None:
            raise StaleError(self.file.path)
        running.catch_up(size, wait=True)
        sha256 = running.hexdigest()
        check = self._compare(sha256)
        os.ftruncate(self._descriptor, size)
        whole = Whole(size, sha256, check, os.fstat(self._descriptor).st_mtime_ns, boot_id())
        self.close()
        # The line comes first: a process killed in between finds a whole file to be renamed.
        self._journal.finish(self.file.path, whole)
        with full_disk_errors(self.target):
            self._temporary.replace(self.target)
        return whole

    def discard(self) -> None:
        """Make every thread that still works on this object give up, and forget its bytes."""
        with self._lock:
            self.stale = True
            self._temporary.unlink(missing_ok=True)

    def renewed(self, error: Vd4rlError | None) -> Partial:
        """The same file from nothing; with an error, the last server is not asked again."""
        fresh = Partial(self.file, self.target, self._journal, self._chunk_bytes, self.tries + 1)
        fresh.refused.update(self.refused)
        if error is not None:
            fresh.refused[self.server] = error
        return fresh

    def close(self) -> None:
        """Close the disk file. No thread may use this object any more."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _begin(self, size: int, identity: str) -> None:
        """Make an empty file. The order matters: old pieces must not vouch for the new file."""
        self.target.parent.mkdir(parents=True, exist_ok=True)
        check_free_space(self._temporary, size)
        self._temporary.unlink(missing_ok=True)
        self._journal.begin(self.file.path, Begun(size, self._pieces.piece_bytes, identity))
        self._open(os.O_RDWR | os.O_CREAT | os.O_EXCL)
        self._pieces.allot(size)
        self._identity = identity

    def _open(self, flags: int) -> None:
        with full_disk_errors(self._temporary):
            self._descriptor = os.open(self._temporary, flags | os.O_CLOEXEC, 0o666)
        self._hash = RunningHash(self._descriptor)

    def _holds(self, piece: int, crc32: int | None) -> bool:
        """Whether a piece that the journal names is on the disk."""
        start = piece * self._pieces.piece_bytes
        end = self._pieces.end(start)
        if start < 0 or os.fstat(self._descriptor).st_size < end:
            return False
        if self.file.sha256 is not None:
            return True  # the hash of the whole will tell
        found = 0
        while start < end:
            block = os.pread(self._descriptor, min(_BLOCK, end - start), start)
            found, start = zlib.crc32(block, found), start + len(block)
        return found == crc32

    def _compare(self, sha256: str) -> Check:
        """Hold the content against the best thing that is known of it."""
        first_use = self._journal.entry(self.file.path).whole
        expectations: list[tuple[Check, str | None]] = [("known", self.file.sha256)]
        if self.file.sha256 is None:
            expectations = [
                ("server", self._stated),
                ("first use", None if first_use is None else first_use.sha256),
            ]
        best: Check = "first use"
        for check, expected in reversed(expectations):
            if expected is None:
                continue
            if expected != sha256:
                raise WrongContentError(f"expected the SHA-256 {expected} ({check}), got {sha256}")
            best = check
        return best

    def _check_fresh(self) -> None:
        if self.stale:
            raise StaleError(self.file.path)
