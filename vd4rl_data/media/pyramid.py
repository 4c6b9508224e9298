"""Textures at halved resolutions, so that what is far away neither flickers nor aliases."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float32, Int64, UInt8, UInt32

Texture = Float32[np.ndarray, "H W 4"]
"""Red, green and blue, 0 to 255, and how much of the texel is covered, 0 to 1."""


class Pyramid:
    """A texture whose columns repeat, packed into one array: level after level, row by row.

    Attributes:
        texels: uint32 (N,), see :func:`unpacked`.
        starts, heights, widths: int64 (L,), where each level begins, and its size in texels.
    """

    def __init__(
        self, texture: Texture, fog: Float32[np.ndarray, " 3"], depths: Sequence[float]
    ) -> None:
        """Args:
        texture: float32 (H, W, 4), its sides powers of two.
        fog: color of what is very far away.
        depths: share of that color at each level.
        """
        levels: list[UInt32[np.ndarray, " n"]] = []
        sizes: list[tuple[int, int]] = []
        for depth in depths:
            sizes.append(texture.shape[:2])
            levels.append(_packed(texture, fog, np.float32(depth)))
            texture = _halved(texture)
        self.texels = np.concatenate(levels)
        self.heights, self.widths = np.array(sizes, np.int64).T
        lengths = self.heights * self.widths
        self.starts = np.cumsum(lengths) - lengths


def covered(texels: UInt32[np.ndarray, "*shape"]) -> Bool[np.ndarray, "*shape"]:
    """Whether packed texels are covered by at least a half."""
    return texels >= np.uint32(1 << 31)


def unpacked(texels: UInt32[np.ndarray, "H W"]) -> UInt8[np.ndarray, "H W 3"]:
    """The colors of packed texels: red in the lowest byte, the cover in the highest."""
    parts = np.ascontiguousarray(texels, "<u4").view(np.uint8).reshape(*texels.shape, 4)
    return np.ascontiguousarray(parts[..., :3])


def level_of(footprint: Float32[np.ndarray, " n"], levels: int) -> Int64[np.ndarray, " n"]:
    """The level whose texels are as large as a pixel's footprint, in texels of level 0."""
    halvings = np.float32(2) ** np.arange(1, levels, dtype=np.int64)
    return np.searchsorted(halvings, footprint, side="right").astype(np.int64)


def _packed(
    texture: Texture, fog: Float32[np.ndarray, " 3"], depth: np.float32
) -> UInt32[np.ndarray, " n"]:
    shown = texture.copy()
    shown[..., :3] += (fog - shown[..., :3]) * depth
    shown[..., 3] *= 255
    parts = np.clip(shown, 0, 255).astype(np.uint8).reshape(-1, 4)
    return parts.view("<u4")[:, 0].astype(np.uint32)


def _halved(texture: Texture) -> Float32[np.ndarray, "h w 4"]:
    """Means of two by two texels (of two, where a side is down to one), weighed by their cover."""
    cover = texture[..., 3:] + np.float32(1e-3)
    weighed = np.concatenate([texture[..., :3] * cover, cover], axis=-1)
    if len(weighed) > 1:
        weighed = (weighed[::2] + weighed[1::2]) * np.float32(0.5)
    if weighed.shape[1] > 1:
        weighed = (weighed[:, ::2] + weighed[:, 1::2]) * np.float32(0.5)
    weighed[..., :3] /= weighed[..., 3:]
    weighed[..., 3] -= np.float32(1e-3)
    return weighed
