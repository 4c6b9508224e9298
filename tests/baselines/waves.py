"""Numbers that follow from names and shapes: weights, noise and data of golden numbers.

Both who makes golden numbers with published code and who compares with them compute these, so that
no weight has to be stored.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


def wave(shape: tuple[int, ...], step: float, phase: float) -> Floats:
    """sin(step i + phase), i counting the elements."""
    return np.sin(step * np.arange(math.prod(shape)) + phase).reshape(shape).astype(np.float32)


def uniform(shape: tuple[int, ...], phase: float) -> Floats:
    """Numbers in (0, 1)."""
    return 0.5 + 0.4999 * wave(shape, 1.7, phase)


def pixels(shape: tuple[int, ...], phase: float) -> NDArray[np.uint8]:
    """Bytes 0 … 255."""
    return np.round(127.5 + 127.5 * wave(shape, 0.013, phase)).astype(np.uint8)


def weight(name: str, shape: tuple[int, ...], *, transposed: bool = False) -> Floats:
    """A layer's weights, biases or scales, about as large as a network's usually are.

    Args:
        name: of the variable; one that ends in ``gamma`` has ones added to it.
        shape: as TensorFlow has it.
        transposed: of a transposed convolution, whose input channels come last.
    """
    scale = 0.2
    if len(shape) > 1:
        inputs = math.prod(shape[:-2]) * shape[-1 if transposed else -2]
        scale = 1.5 / math.sqrt(inputs)
    offset = 1.0 if name.endswith("gamma") else 0.0
    return offset + scale * wave(shape, 0.9, sum(name.encode()) % 89 / 10.0)


def fingerprint(values: Any) -> list[float]:
    """The sum of an array, and its product with a wave."""
    array = np.asarray(values, np.float64)
    return [float(array.sum()), float((array * wave(array.shape, 0.37, 0.1)).sum())]
