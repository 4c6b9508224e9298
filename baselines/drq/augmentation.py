"""DrQ's augmentation: each observation moved by a few pixels at random."""

from __future__ import annotations

from typing import Final

import torch
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


def draw_shifts(generator: torch.Generator, *shape: int) -> Tensor:
    """Uniform shifts, int64 (*shape, 2), on the generator's device."""
    return torch.randint(0, 2 * PAD + 1, (*shape, 2), generator=generator, device=generator.device)


def _window(length: int, corners: Tensor) -> Tensor:
    """Rows (B, length) of the unpadded image that a padded window shows."""
    places = torch.arange(length, device=corners.device)
    return (places + corners[:, None] - PAD).clamp(0, length - 1)
