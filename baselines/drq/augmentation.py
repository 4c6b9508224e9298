"""DrQ's augmentation: each observation moved by a few pixels at random."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

PAD: Final = 4
"""Pixels by which an image can move to each side."""


def random_shift(observations: Tensor, shifts: Tensor) -> Tensor:
    """Pad observations by repeating their border, and cut out a window of the old size.

    DrQ-v2 interpolates between pixels, but always lands on their centers: up to rounding (3e-3 of
    255 gray levels) this is the same function.

    Args:
        observations: (B, C, H, W); all channels of an observation move together.
        shifts: int64 (B, 2) in [0, 2 * :data:`PAD`], corner (y, x) of the window; ``PAD`` moves
            nothing.

    Returns:
        The same dtype and shape, in memory with channels last, which convolutions like.
    """
    height, width = observations.shape[-2:]
    rows = _window(height, shifts[:, 0])  # (B, H)
    columns = _window(width, shifts[:, 1])  # (B, W)
    batch = torch.arange(len(observations), device=observations.device)
    # Indices on both sides of a slice: torch puts their dimensions first, (B, H, W, C).
    moved = observations[batch[:, None, None], :, rows[:, :, None], columns[:, None, :]]
    return moved.permute(0, 3, 1, 2)


def shift_into(moved: NDArray[Any], observations: NDArray[Any], shifts: NDArray[np.int64]) -> None:
    """:func:`random_shift` on a CPU, into memory that is there: fewer and longer copies.

    Args:
        moved: (B, H, W, C), is written.
        observations: (B, C, H, W).
        shifts: (B, 2).
    """
    height, width = observations.shape[-2:]
    turned = np.empty_like(moved)
    for channel in range(observations.shape[1]):
        turned[..., channel] = observations[:, channel]
    for source, target, (y, x) in zip(turned, moved, (shifts - PAD).tolist(), strict=True):
        top, bottom = max(0, -y), min(height, height - y)
        left, right = max(0, -x), min(width, width - x)
        target[top:bottom, left:right] = source[top + y : bottom + y, left + x : right + x]
        target[top:bottom, :left] = target[top:bottom, left : left + 1]
        target[top:bottom, right:] = target[top:bottom, right - 1 : right]
        target[:top] = target[top]
        target[bottom:] = target[bottom - 1]


def draw_shifts(generator: torch.Generator, *shape: int) -> Tensor:
    """Uniform shifts, int64 (*shape, 2), on the generator's device."""
    return torch.randint(0, 2 * PAD + 1, (*shape, 2), generator=generator, device=generator.device)


def _window(length: int, corners: Tensor) -> Tensor:
    """Rows (B, length) of the unpadded image that a padded window shows."""
    places = torch.arange(length, device=corners.device)
    return (places + corners[:, None] - PAD).clamp(0, length - 1)
