"""The frames of one episode: as numbers, or as JPEG, which Minari makes of them unless told not to.

A JPEG is not what the camera saw: up to a hundred grey levels differ. That is said as a repair.
"""

from __future__ import annotations

import io
from typing import Any, Final

import numpy as np
from jaxtyping import UInt8
from numpy.typing import NDArray

from vd4rl_data.errors import CorruptFileError, DatasetFormatError
from vd4rl_data.formats.checks import exact, fail
from vd4rl_data.formats.hdf5 import array_in, check_stored
from vd4rl_data.formats.pieces import Expected

_JPEG: Final = b"\xff\xd8"
_MAX_JPEG_BYTES: Final = 1 << 24


def read_frames(
    where: str, group: Any, steps: int, expected: Expected, repairs: list[str]
) -> UInt8[np.ndarray, "T1 H W 3"]:
    """The T + 1 frames of an episode, uint8 (T + 1, H, W, 3).

    Args:
        where: file and episode, for messages.
        group: of the episode.
        steps: its transitions.
        expected: what the catalog says.
        repairs: lines are added to it.

    Raises:
        CorruptFileError, DatasetFormatError: there are none, of another size, or damaged.
    """
    holder, key = _found(where, group, expected, repairs)
    array = array_in(where, holder, key, ("observations",))
    if not array.shape or len(array) != steps + 1:
        fail(where, key, f"{steps + 1} frames (one more than rewards)", f"shape {array.shape}")
    check_stored(f"{where}: {key}", array)
    if _is_encoded(array):
        repairs.append("frames were kept as JPEG: not the very pixels that were seen")
        return np.stack([_decoded(where, key, bytes(row.data), expected) for row in array[()]])
    first = array.shape[1:] == (3, expected.size, expected.size)
    frames: NDArray[np.uint8] = exact(where, key, array[()], "uint8")
    return np.ascontiguousarray(frames.transpose(0, 2, 3, 1)) if first else frames


def _found(where: str, group: Any, expected: Expected, repairs: list[str]) -> tuple[Any, str]:
    """The group and the key of the frames: ``observations``, or one part of it."""
    import h5py

    observations: Any = group.get("observations")
    if isinstance(observations, h5py.Dataset) and _may_be_frames(observations, expected):
        return group, "observations"
    parts: dict[str, Any] = dict(observations) if isinstance(observations, h5py.Group) else {}
    fitting = [key for key, part in parts.items() if _may_be_frames(part, expected)]
    if len(fitting) != 1:
        size = expected.size
        shown = {key: getattr(part, "shape", None) for key, part in parts.items()}
        got = shown or getattr(observations, "shape", None)
        fail(where, "observations", f"one array of frames ({size}, {size}, 3)", f"{got}")
    left_out = sorted(set(parts) - set(fitting))
    repairs += [f"left out observations/{key}, which holds no frames" for key in left_out]
    return observations, fitting[0]


def _may_be_frames(item: Any, expected: Expected) -> bool:
    import h5py

    if not isinstance(item, h5py.Dataset) or item.shape is None:
        return False
    sides = (expected.size, expected.size)
    return tuple(item.shape[1:]) in ((*sides, 3), (3, *sides)) or _is_encoded(item)


def _is_encoded(array: Any) -> bool:
    """Whether rows are files: bytes of equal length, or of any, that begin like a JPEG."""
    import h5py

    plain = array.dtype == np.uint8 and array.ndim == 2
    varying = h5py.check_vlen_dtype(array.dtype) == np.uint8 and array.ndim == 1
    return bool((plain or varying) and len(array) and bytes(array[0][:2].data) == _JPEG)


def _decoded(where: str, key: str, content: bytes, expected: Expected) -> NDArray[np.uint8]:
    from PIL import Image

    if len(content) > _MAX_JPEG_BYTES:
        raise CorruptFileError(f"{where}: {key}: expected a JPEG, got {len(content):,} bytes")
    sides = (expected.size, expected.size)
    try:
        with Image.open(io.BytesIO(content), formats=["JPEG"]) as picture:
            if picture.size != sides:
                raise DatasetFormatError(
                    f"{where}: {key}: expected frames of {sides}, got {picture.size}"
                )
            return np.asarray(picture.convert("RGB"))
    except (OSError, SyntaxError, ValueError) as error:
        if isinstance(error, DatasetFormatError):
            raise
        raise CorruptFileError(
            f"{where}: {key}: expected an intact JPEG, got {type(error).__name__}: {error}"
        ) from error
