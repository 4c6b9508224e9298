"""Distracting Control Suite: other colors of all materials of a model."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float64

from vd4rl_data.seeding import look_generator

_STEP_SHARE = 0.03
"""Standard deviation of a step's change, as a share of the scale."""


def color_walk(
    original: Float64[np.ndarray, "M 3"], scale: float, seed: int, *, dynamic: bool
) -> Iterator[Float64[np.ndarray, "M 3"]]:
    """Colors of the materials, step by step; the first ones are those of step 0.

    They start uniformly within ``scale`` of the originals; dynamic ones walk on within.

    Args:
        original: float64 (M, 3), the model's own colors: red, green, blue, 0 to 1.
        scale: most that a channel departs from the original.
        seed: of the episode, in [0, 2**32).
        dynamic: whether they change from step to step.
    """
    random = look_generator(seed)
    least = np.clip(original - scale, 0.0, 1.0)
    most = np.clip(original + scale, 0.0, 1.0)
    colors = least + random.uniform(size=original.shape) * (most - least)
    while True:
        yield colors
        if dynamic:
            change = random.standard_normal(original.shape) * (_STEP_SHARE * scale)
            colors = np.clip(colors + change, least, most)
