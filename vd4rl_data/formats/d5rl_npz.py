"""``d5rl-npz``: demonstrations in the Franka kitchen, an archive for each, as D5RL publishes them.

A row has a frame and what led to it, as V-D4RL's files have it, and row 0 is a dummy. Of several
cameras that of MOTO is read (``extra_image_camera_12_rgb``, the "LEXA view"). ``reward <element>``
tells in each row whether an element of the kitchen is in place; the task's own make the reward, so
one set of files is the data of both tasks. Nothing in them ends an episode.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from vd4rl_data.formats.checks import check_kind, exact, fail, real
from vd4rl_data.formats.format import Format
from vd4rl_data.formats.pieces import Expected, ReadEpisode
from vd4rl_data.formats.rows import NO_DISCOUNT, Rows, shifted
from vd4rl_data.formats.vd4rl_npz.archive import read_archive

_IMAGE: Final = "extra_image_camera_12_rgb"
_ACTION: Final = "action"
_PROPRIO: Final = "proprio"
_LEFT_OUT: Final = (
    *("image_128", "metadata", "init_q", "observation", "terminal", "goal", "strings", "objects"),
    *("extra_image_", "reward", "skill", "camera"),
)
"""Parts of the names of arrays that the files have and no dataset here needs."""


def read(path: Path, expected: Expected) -> Iterator[ReadEpisode]:
    """Yield the one episode of a file; rows beyond the task's horizon are left out.

    Raises:
        CorruptFileError: the bytes are not those that were written.
        DatasetFormatError: an array is missing or unfit, or the task has no elements.
    """
    where = path.name
    if not expected.parts:
        fail(where, "reward", "a task of the kitchen, which has elements", "one without")
    rewards = {f"reward {part}": part for part in expected.parts}
    with path.open("rb"):
        pass  # a missing or forbidden file is the caller's error, not a corrupt file
    arrays, others = read_archive(path, {_IMAGE, _ACTION, _PROPRIO, *rewards})
    unknown = [key for key in others if not any(part in key for part in _LEFT_OUT)]
    repairs = [f"left out the unknown array {key!r}" for key in unknown]
    for key in (_IMAGE, _ACTION, *rewards):
        if key not in arrays:
            fail(where, key, "an array of this name", f"{sorted(arrays)}")
    found = _checked(where, arrays, expected)
    rows = len(found[_ACTION])
    if rows < 2:
        fail(where, _ACTION, "2 rows or more", f"{rows}")
    if rows > expected.max_rows:
        repairs.append(f"{rows} rows, longer than the task: the first {expected.max_rows} are kept")
        found = {key: values[: expected.max_rows] for key, values in found.items()}
    repairs.append(NO_DISCOUNT)
    done = {part: found[key] > 0 for key, part in rewards.items()}
    content = Rows(
        observations=found[_IMAGE],
        actions=found[_ACTION],
        rewards=np.sum([found[key] for key in rewards], axis=0),
        discounts=np.ones(len(found[_ACTION])),
    )
    episode = shifted(where, content, is_last=True)
    infos = _infos(done, found.get(_PROPRIO))
    yield ReadEpisode(dataclasses.replace(episode, infos=infos), where, tuple(repairs))


def _infos(
    done: Mapping[str, NDArray[np.bool_]], proprio: NDArray[np.float32] | None
) -> dict[str, NDArray[Any]]:
    """What the environment tells in each step, and the robot's joints as they were recorded."""
    parts = {f"completed_{part.replace(' ', '_')}": flags[1:] for part, flags in done.items()}
    success = np.all([flags[1:] for flags in done.values()], axis=0)
    return {**parts, "success": success, **({} if proprio is None else {_PROPRIO: proprio})}


def _checked(
    where: str, arrays: dict[str, NDArray[Any]], expected: Expected
) -> dict[str, NDArray[Any]]:
    """Check types and shapes, and convert what is of another type."""
    row_shapes = {_IMAGE: (expected.size, expected.size, 3), _ACTION: (expected.action_size,)}
    types = {_IMAGE: "uint8", _ACTION: "float32"}
    rows = len(arrays[_ACTION]) if arrays[_ACTION].ndim else 0
    found: dict[str, NDArray[Any]] = {}
    for key, values in arrays.items():
        own = tuple(values.shape[1:]) if key == _PROPRIO else ()
        row_shape = check_kind(
            where,
            key,
            dtype=values.dtype,
            shape=values.shape,
            row_shapes=(row_shapes.get(key, own),),
        )
        if len(values) != rows:
            fail(where, key, f"{rows} rows (as many as {_ACTION})", f"{len(values)}")
        shaped = values.reshape(rows, *row_shape)
        if key in types:
            found[key] = exact(where, key, shaped, types[key])
        else:
            number = real(where, key, shaped)
            found[key] = number.astype(np.float32) if key == _PROPRIO else number
    return found


FORMAT: Final = Format(
    name="d5rl-npz",
    about="demonstrations in the kitchen, as D5RL publishes them",
    layout="<any folder>/<any name>.npz    one demonstration per file",
    suffixes=(".npz",),
    read=read,
    one_per_file=True,
)
