"""Arrays whose memory is not laid out as their values are read: every writer must take them."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

LAYOUTS: Final = ("transposed", "every second", "backwards", "inner part", "big-endian")


def strided(array: NDArray[Any], layout: str) -> NDArray[Any]:
    """The same values in another layout of memory."""
    if layout == "transposed":
        return np.ascontiguousarray(array.T).T
    if layout == "every second":
        return np.repeat(array, 2, axis=-1)[..., ::2]
    if layout == "backwards":
        return np.ascontiguousarray(array[::-1])[::-1]
    if layout == "inner part":
        return np.pad(array, 1)[tuple(slice(1, -1) for _ in array.shape)]
    return array.astype(array.dtype.newbyteorder(">"))
