"""Reader of Minari's HDF5 files of pixels: a group ``episode_<number>`` for each episode.

``observations`` holds T + 1 frames, channels last or first, as they are or as JPEG; ``actions``,
``rewards``, ``terminations`` and ``truncations`` have T rows. Observations of several parts count
if one of them holds frames; the others are left out. ``infos/discounts`` are the discounts, where
they are; without them an episode has the discount 0 where it terminates, else 1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from vd4rl_data.episode import Episode
from vd4rl_data.errors import DatasetFormatError
from vd4rl_data.formats.checks import check_kind, check_rows, exact, fail, first_true
from vd4rl_data.formats.hdf5 import array_in, broken_hdf5, check_stored
from vd4rl_data.formats.minari.frames import read_frames
from vd4rl_data.formats.pieces import Expected, ReadEpisode

_KEYS: Final = ("observations", "actions", "rewards", "terminations", "truncations")
_EPISODE: Final = re.compile(r"episode_(0|[1-9][0-9]{0,8})")
_DISCOUNTS: Final = "discounts"
_INFO_KINDS: Final = "biuf"


def read(path: Path, expected: Expected) -> Iterator[ReadEpisode]:
    """Yield the episodes of a file, in the order of their numbers.

    Raises:
        CorruptFileError: the bytes are not those that were written.
        DatasetFormatError: an array is missing or unfit, or the ends contradict each other.
    """
    import h5py

    with path.open("rb"):
        pass  # a missing or forbidden file is the caller's error, not a corrupt file
    with broken_hdf5(path.name), h5py.File(path, "r", locking=False) as file:
        numbers = [int(match[1]) for match in map(_EPISODE.fullmatch, file) if match]
        if not numbers:
            fail(path.name, "episode_0", "a group for each episode", f"{sorted(file)[:5]}")
        for number in sorted(numbers):
            place = f"episode_{number}"
            if file.get(place, getclass=True, getlink=True) is not h5py.HardLink:
                fail(path.name, place, "a group in this file", "a link to another place")
            yield _episode(path.name, place, file[place], expected)


def _episode(name: str, place: str, group: Any, expected: Expected) -> ReadEpisode:
    where = f"{name}: {place}"
    arrays = {key: array_in(where, group, key, _KEYS) for key in _KEYS[1:]}
    steps = len(arrays["rewards"]) if arrays["rewards"].shape else 0
    check_rows(where, steps + 1, expected)
    small = {key: _small(where, key, arrays[key], steps, expected) for key in _KEYS[1:]}
    repairs: list[str] = []
    terminated = _is_terminated(where, small["terminations"], small["truncations"], repairs)
    infos = _infos(where, group, steps, repairs)
    discounts = infos.pop(_DISCOUNTS, None)
    if discounts is None or discounts.shape != (steps,):
        discounts = np.ones(steps, np.float32)
        discounts[-1] = 0 if terminated else 1
    episode = Episode(
        observations=read_frames(where, group, steps, expected, repairs),
        actions=exact(where, "actions", small["actions"], "float32"),
        rewards=_float32(small["rewards"]),
        discounts=_float32(discounts),
        terminated=terminated,
        truncated=not terminated,
        infos=infos,
    )
    return ReadEpisode(episode, name, tuple(f"{place}: {line}" for line in repairs), place)


def _small(where: str, key: str, array: Any, steps: int, expected: Expected) -> NDArray[Any]:
    """The rows of a small array: (T, A) actions, (T,) of everything else."""
    row = (expected.action_size,) if key == "actions" else ()
    check_kind(where, key, dtype=array.dtype, shape=array.shape, row_shapes=(row,))
    if len(array) != steps:
        fail(where, key, f"{steps} rows (as many as rewards)", f"{len(array)}")
    check_stored(f"{where}: {key}", array)
    return array[()].reshape(steps, *row)


def _is_terminated(
    where: str, terminations: NDArray[Any], truncations: NDArray[Any], repairs: list[str]
) -> bool:
    """Whether the last step terminated; nothing may end before it."""
    ends = {
        "terminations": exact(where, "terminations", terminations, "bool"),
        "truncations": exact(where, "truncations", truncations, "bool"),
    }
    for key, flags in ends.items():
        early = first_true(flags[:-1])
        if early is not None:
            got = f"true at row {early} of {len(flags)}"
            raise DatasetFormatError(f"{where}: {key}: expected true at the last row only, {got}")
    terminated = bool(ends["terminations"][-1])
    if not terminated and not ends["truncations"][-1]:
        repairs.append("ended by neither flag: taken for cut by a size limit, so truncated")
    return terminated


def _infos(where: str, group: Any, steps: int, repairs: list[str]) -> dict[str, NDArray[Any]]:
    """The arrays of numbers in ``infos`` that have a row for each observation or transition."""
    import h5py

    infos = group.get("infos")
    if not isinstance(infos, h5py.Group):
        return {}
    found: dict[str, NDArray[Any]] = {}
    for key in sorted(infos):
        link = infos.get(key, getlink=True)
        item: Any = infos[key] if isinstance(link, h5py.HardLink) else None
        if (
            isinstance(item, h5py.Dataset)
            and item.dtype.kind in _INFO_KINDS
            and item.shape
            and item.shape[0] in (steps, steps + 1)
        ):
            array = array_in(where, infos, key, ())
            check_stored(f"{where}: infos/{key}", array)
            found[key] = array[()]
        else:
            repairs.append(f"left out infos/{key}, no array with a row for each step")
    return found


def _float32(values: NDArray[Any]) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):  # infinite then, and refused as such
        return values.astype(np.float32)
