"""Validation of actions, for the environments and the evaluation."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float32
from numpy.typing import NDArray

from vd4rl_data.episode import ACTION_TOLERANCE
from vd4rl_data.errors import InvalidActionError


def to_array(values: object, shape: tuple[int, ...], where: str) -> NDArray[Any]:
    """Convert what a policy returned to an array of a given shape; values are not checked.

    Raises:
        InvalidActionError: it is not an array of numbers, or has another shape.
    """
    try:
        array: NDArray[Any] = np.asarray(values)
    except (TypeError, ValueError, RuntimeError) as error:  # torch refuses in all three ways
        raise InvalidActionError(
            f"{where}: expected an array of shape {shape}, got a {type(values).__name__} ({error})"
        ) from error
    if array.shape != shape or array.dtype.kind not in "fiu":
        raise InvalidActionError(
            f"{where}: expected numbers of shape {shape}, got {array.dtype} of shape {array.shape}"
        )
    return array


def checked_actions(
    actions: object, shape: tuple[int, ...], where: str
) -> Float32[np.ndarray, ...]:
    """Check actions and return the array that the simulator is given.

    Args:
        actions: numbers of this shape, finite and in [-1, 1]. Values outside by at most
            :data:`~vd4rl_data.episode.ACTION_TOLERANCE` count as rounding and are clipped; anything
            farther out is refused, never clipped silently.
        shape: the expected shape.
        where: where the actions come from, for the message, e.g. ``PixelEnv.step``.

    Returns:
        float32, in [-1, 1]; a new array.

    Raises:
        InvalidActionError: the actions are invalid; the message says what was expected and found.
    """
    values = to_array(actions, shape, where).astype(np.float32)
    bad = ~np.isfinite(values) | (np.abs(values) > 1.0 + ACTION_TOLERANCE)
    if bad.any():
        index = tuple(int(i) for i in np.argwhere(bad)[0])
        raise InvalidActionError(
            f"{where}: expected finite values in [-1, 1], got {values[index]} at {index}."
            " Clip the policy's output, or scale it to [-1, 1]."
        )
    return np.clip(values, -1.0, 1.0)
