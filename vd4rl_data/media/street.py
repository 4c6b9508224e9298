"""Streets seen from a moving car, drawn by this package: there is nothing to download.

A street is a ground and four upright planes along it (far and near, left and right) below a sky;
each pixel has its place on them, which moves as the car does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float32, Int64, UInt8, UInt32

from vd4rl_data.media import paint
from vd4rl_data.media.pyramid import Pyramid, covered, level_of, unpacked

_DEPTHS: Final = (0.0, 0.02, 0.06, 0.15, 0.3, 0.5)
"""Share of the fog at each level of the textures."""

_FARTHEST: Final = 90.0
_ROADSIDE: Final = 0.45
"""The near planes stand at this share of the distance of the far ones."""

_SHAKES: Final = 32
"""The camera shakes by at most one pixel in this many."""


class Street:
    """One street, at any size.

    Attributes:
        length: frames until it repeats.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        """Paint it.

        Args:
            rng: determines the street; used up.
        """
        self.length = int(rng.integers(200, 360))
        self._horizon = float(rng.random() * 0.14 - 0.09)
        self._focal = float(0.75 + rng.random() * 0.35)
        self._eye = float(1.2 + rng.random() * 0.5)
        self._walls = (-float(7 + 5 * rng.random()), float(6 + 5 * rng.random()))
        light = np.float32(0.65 + 0.4 * rng.random())
        skies = paint.mixed((86, 140, 205), (120, 150, 180), (196, 150, 120), (150, 156, 162))
        top = skies[rng.integers(len(skies))] * light
        fog = top + (225 * light - top) * np.float32(0.6)
        self._sky = Pyramid(paint.paint_sky(rng, top), fog, [0.0] * len(_DEPTHS))
        textures = [paint.paint_ground(rng), paint.paint_wall(rng), paint.paint_wall(rng)]
        textures += [paint.paint_roadside(rng), paint.paint_roadside(rng)]
        for texture in textures:
            texture[..., :3] *= light
        self._planes = [Pyramid(texture, fog, _DEPTHS) for texture in textures]
        self._shakes = rng.integers(-1, 2, (self.length, 2))
        self._surfaces: dict[int, list[_Surface]] = {}

    def frame(self, number: int, size: int) -> UInt8[np.ndarray, "size size 3"]:
        """Draw one frame, uint8 (size, size, 3).

        Args:
            number: time steps since the start; the street repeats.
            size: height and width in pixels.
        """
        margin = -(-size // _SHAKES)
        side = size + 2 * margin
        if side not in self._surfaces:
            self._surfaces = {side: self._seen(side)}
        canvas = np.empty(side * side, np.uint32)
        driven = np.float32(number % self.length * (paint.LENGTH / self.length))
        for surface in self._surfaces[side]:
            surface.draw(canvas, driven)
        down, right = self._shakes[number % self.length] * (margin // 2) + margin
        shown = canvas.reshape(side, side)[down : down + size, right : right + size]
        return unpacked(shown)

    def _seen(self, side: int) -> list[_Surface]:
        """Every plane's pixels, from the farthest to the nearest."""
        axis = (np.arange(side, dtype=np.float32) + np.float32(0.5)) / side - np.float32(0.5)
        x, y = (part.ravel() for part in np.meshgrid(axis, axis - np.float32(self._horizon)))
        nowhere = np.full(x.shape, np.float32(1e-6))
        ground, left, right, near_left, near_right = self._planes
        pixel = np.float32(1 / (self._focal * side))
        heights = -y / np.float32(self._focal)  # of a ray, per meter ahead
        sky = _Surface.of(
            self._sky, np.flatnonzero(y < 0.05), x * 24 + 32, np.maximum(heights, 0) * 14, nowhere
        )
        sky.per_meter *= np.float32(0)
        ahead = np.minimum(self._eye / np.maximum(-heights, 1e-4), np.float32(_FARTHEST))
        below = np.flatnonzero(y > 0)
        across = ahead * x / np.float32(self._focal) + paint.ACROSS / 2
        spread = ahead * pixel * np.sqrt(ahead / np.float32(self._eye))
        surfaces = [sky, _Surface.of(ground, below, ahead, across, spread)]
        for share, pyramids in ((1.0, (left, right)), (_ROADSIDE, (near_left, near_right))):
            for pyramid, wall in zip(pyramids, self._walls, strict=True):
                away = wall * share
                ahead = np.float32(away * self._focal) / np.where(x * away > 0, x, np.inf)
                ahead = np.where(ahead > 0, ahead, np.float32(1e9))
                high = heights * ahead + np.float32(self._eye)
                top = pyramid.heights[0] / paint.TEXELS
                seen = (ahead < _FARTHEST) & (high >= 0) & (high < top)
                spread = ahead * pixel * np.sqrt(ahead / np.float32(abs(away)))
                surfaces.append(_Surface.of(pyramid, np.flatnonzero(seen), ahead, high, spread))
        return surfaces


@dataclass(slots=True, eq=False)
class _Surface:
    """The pixels that show one plane: where they look at it, while the car stands."""

    texels: UInt32[np.ndarray, " N"]
    pixels: Int64[np.ndarray, " n"]
    rows: Int64[np.ndarray, " n"]
    columns: Float32[np.ndarray, " n"]
    per_meter: Float32[np.ndarray, " n"]
    last_column: Int64[np.ndarray, " n"]

    @classmethod
    def of(
        cls,
        pyramid: Pyramid,
        pixels: Int64[np.ndarray, " n"],
        along: Float32[np.ndarray, " all"],
        across: Float32[np.ndarray, " all"],
        spread: Float32[np.ndarray, " all"],
    ) -> _Surface:
        """Args:
        pyramid: the plane's texture.
        pixels: which pixels of the canvas show it.
        along, across: where each pixel of the canvas looks, in meters.
        spread: how far a pixel extends there, in meters.
        """
        level = level_of(spread[pixels] * paint.TEXELS, len(pyramid.starts))
        per_meter = np.float32(paint.TEXELS) / (1 << level).astype(np.float32)
        height, width = pyramid.heights[level], pyramid.widths[level]
        row = np.clip((across[pixels] * per_meter).astype(np.int64), 0, height - 1)
        return cls(
            texels=pyramid.texels,
            pixels=pixels,
            rows=pyramid.starts[level] + row * width,
            columns=(along[pixels] * per_meter).astype(np.float32),
            per_meter=per_meter,
            last_column=width - 1,
        )

    def draw(self, canvas: UInt32[np.ndarray, " all"], driven: np.float32) -> None:
        """Draw what covers its pixels, ``driven`` meters on."""
        column = (self.columns + self.per_meter * driven).astype(np.int64) & self.last_column
        texels = self.texels[self.rows + column]
        solid = covered(texels)
        canvas[self.pixels[solid]] = texels[solid]
