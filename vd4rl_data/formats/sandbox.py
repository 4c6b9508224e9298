"""A process that reads foreign files, so that one that crashes the HDF5 library harms nobody.

One process serves many files and is started again after a death. It is bounded in memory and time,
and what it answers is checked like a foreign file itself.
"""

from __future__ import annotations

import pickle
import queue
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final, NamedTuple

import cloudpickle
from numpy.typing import NDArray

from vd4rl_data.episode import Episode
from vd4rl_data.errors import CorruptFileError
from vd4rl_data.formats.format import Format
from vd4rl_data.formats.pieces import Expected, Piece, ReadEpisode
from vd4rl_data.formats.rows import Rows
from vd4rl_data.processes import Limits, Report, Worker, error_of

_EPISODE: Final = ("observations", "actions", "rewards", "discounts")
_INFOS: Final = "infos/"


@dataclass(frozen=True, slots=True)
class SandboxLimits:
    """Bounds of the reading process.

    Attributes:
        memory_bytes: address space. The official shards need less than 2 GiB, of which half is the
            interpreter's; the rest is room for shards in larger chunks. Not enforced on Windows and
            macOS, which have no such limit.
        seconds_per_file: how long to wait for one file, without the time that the caller takes
            between episodes.
    """

    memory_bytes: int = 8 * 2**30
    seconds_per_file: float = 900.0


class _Request(NamedTuple):
    """A file to read."""

    path: Path
    expected: Expected


@dataclass(frozen=True, slots=True)
class _ReadJob:
    """Reading files of one format, which is pickled here: that it cannot be imported is told."""

    pickled: bytes

    def open(self) -> _ReadSession:
        return _ReadSession(pickle.loads(self.pickled))  # noqa: S301 - of our own process


class _ReadSession:
    def __init__(self, format: Format) -> None:  # noqa: A002
        self._format = format

    def make(self, item: _Request, report: Report) -> None:
        for found in self._format.read(*item):
            if isinstance(found, ReadEpisode):
                found.check(item.expected)
                report(_message_of_episode(found))
            elif isinstance(found, Piece) and self._format.continues is not None:  # pyright: ignore[reportUnnecessaryIsInstance]
                report(_message_of_piece(found))
            else:
                name = self._format.name
                raise TypeError(f"{name}: read: expected a ReadEpisode, got {type(found)}")

    def close(self) -> None:
        pass


class Sandbox:
    """Reads files of one format in a process of its own; a context manager.

    Leaving the context, or dropping the last reference, kills the process and reaps it.
    """

    def __init__(self, format: Format, limits: SandboxLimits | None = None) -> None:  # noqa: A002
        """Nothing is started before the first :meth:`read`."""
        self._job = _ReadJob(cloudpickle.dumps(format))
        self.limits = limits or SandboxLimits()
        self._worker: Worker | None = None
        self._inbox: queue.Queue[Any] = queue.Queue(maxsize=1)  # a piece that nobody took yet

    def read(self, path: Path, expected: Expected) -> Iterator[ReadEpisode | Piece]:
        """Yield what one file holds: episodes that were checked, and pieces that were not.

        An iterator that is abandoned half way costs the process: the next file gets a new one.

        Raises:
            CorruptFileError: also if the process died or exceeded a limit, with the signal's name.
            DatasetFormatError: as the format's reader.
            InvalidEpisodeError: an episode breaks an invariant.
        """
        worker, self._worker = self._worker, None  # it comes back after a file read to its end
        if worker is None or not worker.is_alive():
            self._inbox = queue.Queue(maxsize=1)
            bounds = Limits(self.limits.memory_bytes, self.limits.seconds_per_file)
            worker = Worker(self._job, self._inbox, bounds)
        try:
            worker.ask(_Request(path.resolve(), expected))
            left = self.limits.seconds_per_file
            while True:
                asked = time.monotonic()
                said, content = self._next(worker, path.name, left)
                left -= time.monotonic() - asked
                if said == "report":
                    yield _item_of(path.name, content, expected)
                elif said != "ready":
                    break
            self._worker = worker
            if said == "error":
                raise error_of(said, content)
        finally:
            if self._worker is not worker:
                worker.end()

    def close(self) -> None:
        """Kill the process and wait for it; nothing happens if there is none."""
        if self._worker is not None:
            self._worker.end()
            self._worker = None

    def __enter__(self) -> Sandbox:
        """The sandbox itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()

    def _next(self, worker: Worker, name: str, seconds: float) -> tuple[str, Any]:
        """The next thing that the process says.

        Raises:
            CorruptFileError: it died, says nothing in time, needs too much memory, or lies.
        """
        limits = self.limits
        try:
            _, said, content = self._inbox.get(timeout=max(seconds, 0.0))
        except queue.Empty:
            raise CorruptFileError(
                f"{name}: expected to be read within {limits.seconds_per_file:g} seconds, "
                "gave up; the file is damaged, or the disk too slow"
            ) from None
        if said == "gone":
            raise CorruptFileError(
                f"{name}: the process that read it {worker.last_words()}; the file is damaged, or "
                "was made to do harm. Download it again, from its source"
            )
        if said == "memory":
            raise CorruptFileError(
                f"{name}: expected to be read within {limits.memory_bytes:,} bytes of memory, "
                "needed more; the file is damaged, or the limit too low"
            )
        if said == "garbage":
            raise CorruptFileError(f"{name}: the process that read it sent {content}")
        return said, content


def _message_of_episode(found: ReadEpisode) -> dict[str, Any]:
    episode = found.episode
    infos = {f"{_INFOS}{name}": _little(values) for name, values in episode.infos.items()}
    return {
        "repairs": list(found.repairs),
        "place": found.place,
        "terminated": episode.terminated,
        **{name: getattr(episode, name) for name in _EPISODE},
        **infos,
    }


def _little(values: NDArray[Any]) -> NDArray[Any]:
    """The same numbers in the byte order that messages have."""
    return values.astype(values.dtype.newbyteorder("<"), copy=False)


def _message_of_piece(piece: Piece) -> dict[str, Any]:
    arrays = {field.name: getattr(piece.rows, field.name) for field in fields(Rows)}
    return {
        "start": piece.start,
        "is_first": piece.is_first,
        "is_last": piece.is_last,
        "repairs": list(piece.repairs),
        **{name: array for name, array in arrays.items() if array is not None},
    }


def _item_of(name: str, message: Mapping[str, Any], expected: Expected) -> ReadEpisode | Piece:
    """The episode or piece in a message.

    Raises:
        CorruptFileError: the message holds something else.
        InvalidEpisodeError, DatasetFormatError: as :meth:`ReadEpisode.check`.
    """
    try:
        repairs = tuple(str(repair) for repair in message["repairs"])
        if "start" in message:
            return _piece_of(message, repairs)
        found = ReadEpisode(_episode_of(message), name, repairs, str(message["place"]))
    except (ValueError, TypeError, KeyError) as error:
        raise CorruptFileError(
            f"{name}: the process that read it sent something that is no piece of a file: {error}"
        ) from error
    found.check(expected)
    return found


def _piece_of(message: Mapping[str, Any], repairs: tuple[str, ...]) -> Piece:
    arrays = {field.name: message[field.name] for field in fields(Rows) if field.name in message}
    return Piece(
        rows=Rows(**arrays),
        start=int(message["start"]),
        is_first=bool(message["is_first"]),
        is_last=bool(message["is_last"]),
        repairs=repairs,
    )


def _episode_of(message: Mapping[str, Any]) -> Episode:
    terminated = bool(message["terminated"])
    infos = {key: values for key, values in message.items() if key.startswith(_INFOS)}
    return Episode(
        **{name: message[name] for name in _EPISODE},
        terminated=terminated,
        truncated=not terminated,
        infos={key.removeprefix(_INFOS): values for key, values in infos.items()},
    )
