"""What stands along a generated street: its textures, painted in meters.

Rows go up from the ground (across, for the ground itself), columns along the street.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from jaxtyping import Float32

from vd4rl_data.media.noise import fractal
from vd4rl_data.media.pyramid import Texture

TEXELS: Final = 8
"""Texels per meter."""

LENGTH: Final = 128
"""Meters until the street repeats."""

WALL, ROADSIDE, ACROSS, SKY = 16, 4, 16, 16
"""Height of what stands far and near, and width of the ground, in meters; height of the sky in
units of its own."""

_COLUMNS: Final = LENGTH * TEXELS


def mixed(*colors: tuple[int, int, int]) -> Float32[np.ndarray, "C 3"]:
    """Colors from 0 to 255, one per row."""
    return np.array(colors, np.float32)


_FACADES: Final = mixed(
    (168, 92, 72), (196, 168, 128), (120, 116, 112), (214, 206, 190), (146, 108, 78), (98, 108, 122)
)
_PAINT: Final = mixed((180, 40, 36), (36, 60, 120), (210, 210, 206), (30, 32, 36), (120, 130, 60))
_LEAVES: Final = mixed((52, 92, 36), (84, 112, 40), (110, 96, 44), (34, 70, 44))


def _pick(
    rng: np.random.Generator, colors: Float32[np.ndarray, "C 3"]
) -> Float32[np.ndarray, " 3"]:
    shade = np.float32(0.75 + 0.5 * rng.random())
    return colors[rng.integers(len(colors))] * shade


def _blank(meters: int) -> Texture:
    return np.zeros((meters * TEXELS, _COLUMNS, 4), np.float32)


def paint_sky(rng: np.random.Generator, top: Float32[np.ndarray, " 3"]) -> Texture:
    """Clouds before a color that pales toward the horizon."""
    height = SKY * TEXELS
    clouds = fractal(rng, height, _COLUMNS, 64, 8) * 2 + np.float32(rng.random() * 0.8 - 0.2)
    clouds = np.clip(clouds, 0, 1)[..., None]
    pale = np.linspace(0.7, 0, height, dtype=np.float32)[:, None, None]
    sky = top + (245 - top) * np.maximum(pale, clouds * np.float32(0.9))
    return _solid(sky * (1 - np.float32(0.25) * clouds * clouds))


def paint_ground(rng: np.random.Generator) -> Texture:
    """A road with lane markings, curbs, pavements, and what lies beside them."""
    height = ACROSS * TEXELS
    grain = fractal(rng, height, _COLUMNS, 64)[..., None]
    road = np.float32(60 + 60 * rng.random())
    ground = np.full((height, _COLUMNS, 3), road, np.float32) * (1 + np.float32(0.6) * grain)
    meters = np.arange(height, dtype=np.float32) / TEXELS - ACROSS / 2
    half = np.float32(3.0 + rng.random())
    side = np.abs(meters) > half
    beside = _pick(rng, mixed((150, 144, 136), (176, 160, 132), (84, 110, 52)))
    ground[side] = beside * (1 + np.float32(0.5) * grain[side])
    ground[np.abs(np.abs(meters) - half) < 0.15] = 190
    along = np.arange(_COLUMNS) // TEXELS
    dashes = (along % 8) < 3
    for place in (-half * 0.45, half * 0.45):
        ground[np.ix_(np.abs(meters - np.float32(place)) < 0.12, dashes)] = 225
    for start in rng.integers(0, _COLUMNS - 16, 24):  # patches and drains
        row = int(rng.integers(height // 4, 3 * height // 4))
        ground[row : row + int(rng.integers(4, 14)), start : start + 12] *= np.float32(0.75)
    shadows = fractal(rng, height, _COLUMNS, 128, 4) * 4 - np.float32(rng.random() * 1.2)
    ground *= 1 - np.clip(shadows, 0, 0.6)[..., None]
    crossing = int(rng.integers(0, _COLUMNS - 32))
    stripes = (np.arange(height) // 5 % 2 == 0) & ~side
    ground[stripes, crossing : crossing + 3 * TEXELS] = 220
    return _solid(ground)


def paint_wall(rng: np.random.Generator) -> Texture:
    """Houses with windows, trees between them."""
    height = WALL * TEXELS
    grain = fractal(rng, height, _COLUMNS, 64)
    wall = _blank(WALL)
    start = 0
    while start < _COLUMNS:
        stop = min(start + int(rng.integers(6, 16)) * TEXELS, _COLUMNS)
        if rng.random() < 0.72:
            _paint_house(rng, wall[: int(rng.integers(4, WALL)) * TEXELS, start:stop])
        else:
            _paint_leaves(rng, wall[:, start:stop], grain[:, start:stop])
        start = stop
    wall[..., :3] *= (1 + np.float32(0.3) * grain)[..., None]
    return wall


def _paint_house(rng: np.random.Generator, house: Texture) -> None:
    house[..., :3], house[..., 3] = _pick(rng, _FACADES), 1
    storey, bay = int(rng.integers(22, 30)), int(rng.integers(14, 26))
    rows = np.arange(house.shape[0]) % storey
    columns = np.arange(house.shape[1]) % bay
    window = (rows > 8) & (rows < storey - 3), (columns > 4) & (columns < bay - 2)
    glass = _pick(rng, mixed((60, 76, 96), (36, 40, 44), (150, 160, 170)))
    house[..., :3][np.ix_(*window)] = glass
    frame = np.float32(1.25)
    house[..., :3][np.ix_(rows == 8, window[1])] *= frame
    house[..., :3][rows == 0] *= np.float32(0.7)
    house[-4:, :, :3] = _pick(rng, mixed((110, 60, 48), (70, 70, 74)))
    house[:, :1, :3] *= np.float32(0.6)
    if rng.random() < 0.5:  # a shop
        house[4:16, 2:-2, :3] = _pick(rng, _PAINT)
        house[4:12, 6:-6, :3] = np.float32(50)


def _paint_leaves(
    rng: np.random.Generator, place: Texture, grain: Float32[np.ndarray, "h w"]
) -> None:
    height, width, _ = place.shape
    rows = np.arange(height, dtype=np.float32)[:, None]
    columns = np.arange(width, dtype=np.float32)[None]
    tall = np.float32(height * (0.4 + 0.4 * rng.random()))
    away = ((columns - width / 2) / (width / 2)) ** 2 + ((rows - tall / 2) / (tall / 2)) ** 2
    inside = away + grain < 1
    lit = (1 + grain + rows / height)[..., None]
    color = _pick(rng, _LEAVES) * lit
    place[..., :3] = np.where(inside[..., None], color, place[..., :3])
    place[..., 3] = np.where(inside, 1, place[..., 3])


def paint_roadside(rng: np.random.Generator) -> Texture:
    """Parked cars, trees and lamp posts, with gaps."""
    height = ROADSIDE * TEXELS
    grain = fractal(rng, height, _COLUMNS, 32)
    place = _blank(ROADSIDE)
    start = int(rng.integers(0, 24))
    while start < _COLUMNS - 48:
        kind = rng.random()
        if kind < 0.45:
            _paint_car(rng, place[:, start : start + 34])
        elif kind < 0.7:
            _paint_tree(rng, place[:, start : start + 28], grain[:, start : start + 28])
        elif kind < 0.85:
            place[:, start : start + 2] = (70, 70, 70, 1)
        start += int(rng.integers(40, 90))
    place[..., :3] *= (1 + np.float32(0.2) * grain)[..., None]
    return place


def _paint_car(rng: np.random.Generator, car: Texture) -> None:
    color = _pick(rng, _PAINT)
    car[2:7, 1:33] = (*color, 1)
    car[7:11, 8:28] = (*color, 1)
    car[7:10, 10:17] = (40, 48, 56, 1)
    car[7:10, 19:26] = (40, 48, 56, 1)
    for wheel in (5, 25):
        car[0:4, wheel : wheel + 5] = (20, 20, 20, 1)
    car[5:6, 1:3] = (230, 60, 40, 1)
    car[5:6, 31:33] = (240, 230, 180, 1)


def _paint_tree(rng: np.random.Generator, tree: Texture, grain: Float32[np.ndarray, "h w"]) -> None:
    tree[:18, 12:15] = (*_pick(rng, mixed((74, 58, 44), (90, 84, 78))), 1)
    _paint_leaves(rng, tree[14:], grain[14:])


def _solid(colors: Float32[np.ndarray, "H W 3"]) -> Texture:
    return np.concatenate([colors, np.ones((*colors.shape[:2], 1), np.float32)], axis=-1)
