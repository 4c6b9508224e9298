"""Textured patches that cover each other, in layers that move: nothing to download.

Patches whose sizes follow a power law, one over the other ("dead leaves"), have the edges and the
spectrum of photographs (Lee, Mumford & Huang, 2001).
"""

from __future__ import annotations

from typing import Final

import numpy as np
from jaxtyping import Float32, UInt8

from vd4rl_data.media.noise import fractal
from vd4rl_data.media.pyramid import Pyramid, Texture, covered, unpacked

_SIDE: Final = 512
"""Texels until a layer repeats; half of them fill a frame."""

_LEVELS: Final = 4
_PATCHES: Final = (500, 36, 14)
"""Number of patches in each layer, from the farthest to the nearest."""

_LEAST: Final = (5, 12, 20)
_MOST: Final = (90, 70, 100)
"""Half-sizes of the patches in texels; nearer ones are larger."""

_SPEEDS: Final = ((3, 8), (6, 14), (10, 20))
"""How often a layer passes before it repeats: least and most, along each axis."""


class Leaves:
    """One scene, at any size.

    Attributes:
        length: frames until it repeats.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        """Paint it.

        Args:
            rng: determines the scene; used up.
        """
        self.length = int(rng.integers(400, 640))
        vivid = 40 + 190 * rng.random((6, 3), dtype=np.float32)
        gray = vivid[:, 1:2]
        palette = (gray + (vivid - gray) * np.float32(0.55)).astype(np.float32)
        grain = fractal(rng, _SIDE, _SIDE, 128)
        self._layers: list[Pyramid] = []
        self._passes: list[tuple[int, int]] = []
        for number, (least, most) in enumerate(_SPEEDS):
            layer = _painted(rng, number, palette, grain)
            self._layers.append(Pyramid(layer, palette[0], [0.0] * _LEVELS))
            signs = rng.choice([-1, 1], 2)
            down, right = rng.integers(least, most + 1, 2) * signs
            self._passes.append((int(down) // 2, int(right)))

    def frame(self, number: int, size: int) -> UInt8[np.ndarray, "size size 3"]:
        """Draw one frame, uint8 (size, size, 3).

        Args:
            number: time steps since the start; the scene repeats.
            size: height and width in pixels.
        """
        window = _SIDE // 2
        level = sum(window >> halvings >= size for halvings in range(1, _LEVELS))
        side = _SIDE >> level
        places = np.arange(size) * (side // 2) // size
        canvas = np.empty((size, size), np.uint32)
        for depth, (layer, (down, right)) in enumerate(
            zip(self._layers, self._passes, strict=True)
        ):
            share = number % self.length
            rows = (places + share * down * side // self.length) % side
            columns = (places + share * right * side // self.length) % side
            start = int(layer.starts[level])
            texels = layer.texels[start : start + side * side].reshape(side, side)
            shown = texels[np.ix_(rows, columns)]
            canvas = np.where(covered(shown), shown, canvas) if depth else shown
        return unpacked(canvas)


def _painted(
    rng: np.random.Generator,
    layer: int,
    palette: Float32[np.ndarray, "C 3"],
    grain: Float32[np.ndarray, "H W"],
) -> Texture:
    texture = np.zeros((_SIDE, _SIDE, 4), np.float32)
    texture[..., :3] = palette[0]
    texture[..., 3] = layer == 0
    for patch in range(_PATCHES[layer]):
        _add_patch(rng, texture, layer, palette, large=patch < _PATCHES[layer] // 20)
    texture[..., :3] *= (1 + np.float32(0.45) * grain)[..., None]
    return texture


def _add_patch(
    rng: np.random.Generator,
    texture: Texture,
    layer: int,
    palette: Float32[np.ndarray, "C 3"],
    *,
    large: bool,
) -> None:
    least, most = _LEAST[layer], _MOST[layer]
    # Half-sizes with a density of size**-3: the inverse of its distribution at a uniform number.
    inverse = 1 / least**2 - rng.random() * (1 / least**2 - 1 / most**2)
    half = most if large else int(inverse**-0.5)
    tall = max(2, int(half * (0.4 + 0.6 * rng.random())))
    rows = np.arange(-tall, tall, dtype=np.float32)[:, None] / np.float32(tall)
    columns = np.arange(-half, half, dtype=np.float32)[None] / np.float32(half)
    lean = np.float32(rng.random() - 0.5)
    columns = columns + lean * rows
    round_ = rng.random() < 0.6
    inside = rows * rows + columns * columns < 1 if round_ else np.abs(columns) + 0 * rows < 0.8
    color = palette[rng.integers(len(palette))] * np.float32(0.45 + 0.9 * rng.random())
    shade = 1 + np.float32(0.35) * (
        columns * np.float32(rng.random() - 0.5) - rows * np.float32(0.5)
    )
    stripes = int(rng.integers(2, 9))
    bands = 1 + np.float32(0.4) * ((np.floor(columns * stripes) % 2) if rng.random() < 0.35 else 0)
    top, left = (int(place) for place in rng.integers(0, _SIDE, 2))
    place = np.ix_((top + np.arange(2 * tall)) % _SIDE, (left + np.arange(2 * half)) % _SIDE)
    patch = texture[place]
    painted = np.concatenate(
        [color * (shade * bands)[..., None], np.ones((*inside.shape, 1), np.float32)], axis=-1
    )
    texture[place] = np.where(inside[..., None], painted, patch)
