"""``.npz`` archives that hold exactly the given arrays, and never a pickle.

numpy's own writers accept ``allow_pickle`` only since 2.2; older ones store it as an array.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

_LEVEL: Final = 6


def write_npz(file: Any, arrays: Mapping[str, NDArray[Any]], *, compressed: bool) -> None:
    """Write arrays of numbers in numpy's format; the same arrays always give the same bytes.

    Args:
        file: a binary file, opened for writing, at its beginning.
        arrays: name → array.
        compressed: whether to deflate them.

    Raises:
        ValueError: an array holds Python objects.
    """
    method = zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED
    level = _LEVEL if compressed else None
    with zipfile.ZipFile(file, "w", method, compresslevel=level) as archive:
        for name, values in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.asarray(values), allow_pickle=False)
