"""A format whose reader does harm, to prove that it is contained."""

from __future__ import annotations

import dataclasses
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tests.formats.reading import HDF5
from vd4rl_data.episode import Episode
from vd4rl_data.errors import InvalidEpisodeError
from vd4rl_data.formats import Expected, ReadEpisode


def _eat() -> None:
    np.ones(2**32, np.uint8)


def _spin() -> None:
    while True:
        pass


def _abort() -> None:
    os.write(2, b"free(): invalid pointer\n")
    os.abort()


def _raise(error: Exception) -> None:
    raise error


def _print() -> None:
    sys.stdout.write("noise\n")
    sys.stdout.flush()
    os.write(1, b"more noise")


def _say(text: bytes) -> None:
    """Send something to the parent."""
    os.write(3, text)
    time.sleep(1000)


def _headed(text: bytes) -> bytes:
    return len(text).to_bytes(8, "little") + text


DEEDS: dict[str, Callable[[], object]] = {
    "segfault": lambda: os.kill(os.getpid(), signal.SIGSEGV),
    "abort": _abort,
    "leave": lambda: os._exit(3),
    "hang": lambda: time.sleep(1000),
    "spin": _spin,
    "eat": _eat,
    "raise": lambda: _raise(LookupError("what no reader raises")),
    "typed": lambda: _raise(InvalidEpisodeError("as the readers do")),
    "print": _print,
    "garbage": lambda: _say(b"\xff" * 100),
    "absurd": lambda: _say(_headed(b'["report", {}, [["observations", "|u1", [1000000000000]]]]')),
    "piece": lambda: _say(_headed(b'["report", {}, []]')),
}


def misbehave(path: Path, expected: Expected) -> Iterator[Any]:
    """Read ``good.hdf5``, then do what the file's name says."""
    yield from HDF5.read(path.with_name("good.hdf5"), expected)
    deed = path.stem
    if deed == "nothing":
        yield "no episode"
    elif deed != "good":
        DEEDS[deed]()


EVIL = dataclasses.replace(HDF5, name="evil", read=misbehave)


def _with_infos(path: Path, expected: Expected) -> Iterator[ReadEpisode]:
    shape = (3, expected.size, expected.size, 3)
    infos = {
        dtype.strip("<>|"): np.arange(2).astype(dtype)
        for dtype in ("?", "i1", "u2", "<i4", ">i8", ">f2", "f4", "f8")
    }
    episode = Episode(
        observations=np.zeros(shape, np.uint8),
        actions=np.zeros((2, expected.action_size), np.float32),
        rewards=np.zeros(2, np.float32),
        discounts=np.ones(2, np.float32),
        terminated=False,
        truncated=True,
        infos={f"a_{name.replace('?', 'b1')}": values for name, values in infos.items()},
    )
    yield ReadEpisode(episode, path.name)


WITH_INFOS = dataclasses.replace(HDF5, name="with-infos", read=_with_infos)
