"""Stacks of frames as one image of many channels, the form in which most networks take them."""

from __future__ import annotations

from typing import Final

import numpy as np
from jaxtyping import UInt8
from numpy.typing import NDArray

CHANNELS: Final = ("first", "last")
"""Where the channels of an image stand."""


def stacked(
    frames: UInt8[np.ndarray, "*batch K H W C"], channels: str = "first"
) -> UInt8[np.ndarray, "*batch _ _ _"]:
    """The frames of a stack side by side, as channels of one image; the oldest frame is first.

    Of batches and policies alike: what a network was trained on is what it sees when it acts. Torch
    tensors of the same form: ``layout="stacked"`` of :mod:`vd4rl_data.pytorch`.

    Args:
        frames: uint8 (..., K, H, W, C), such as ``batch.observations`` of
            :meth:`~vd4rl_data.Dataset.transitions`, what :func:`~vd4rl_data.evaluate` shows to a
            policy, and what Gymnasium's ``FrameStackObservation`` gives.
        channels: ``"first"`` gives (..., K * C, H, W), as PyTorch has it, ``"last"`` gives
            (..., H, W, K * C), as JAX and Gymnasium have it.

    Returns:
        uint8, C-contiguous, a copy.

    Raises:
        ValueError: the frames have fewer than four axes, or ``channels`` is another word.
    """
    if channels not in CHANNELS:
        raise ValueError(f"channels: expected one of {', '.join(CHANNELS)}, got {channels!r}")
    if np.ndim(frames) < 4:
        raise ValueError(
            f"frames: expected uint8 (..., K, H, W, C), stacks of K frames, got shape "
            f"{np.shape(frames)}"
        )
    *batch, count, height, width, colors = np.shape(frames)
    if channels == "first":
        return channels_before(frames).reshape(*batch, count * colors, height, width)
    aside = np.moveaxis(np.asarray(frames), -4, -2)  # (..., H, W, K, C)
    return aside.reshape(*batch, height, width, count * colors)


def channels_before(frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(..., H, W, C) → (..., C, H, W), C-contiguous."""
    *batch, height, width, channels = frames.shape
    turned = np.empty((*batch, channels, height, width), np.uint8)
    for channel in range(channels):  # long strided copies: faster than one of all channels
        turned[..., channel, :, :] = frames[..., channel]
    return turned
