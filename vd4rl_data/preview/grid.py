"""A grid of frames: labeled rows below a headline and the titles of the columns."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw

from vd4rl_data.preview.typography import (
    INK,
    MARGIN,
    MUTED,
    PAPER,
    Color,
    enlarged,
    font,
    text_width,
)

_LEAST_TILE: Final = 112
_GAP: Final = 6
_ROW_GAP: Final = 14
_TITLE_SIZE: Final = 26
_SUBTITLE_SIZE: Final = 16
_LINE_PITCH: Final = 24

Line = tuple[str, int, Color]
"""Text, font size, color."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of frames.

    Attributes:
        lines: what is written beside it.
        frames: uint8 (columns, H, W, 3).
    """

    lines: Sequence[Line]
    frames: UInt8[np.ndarray, "C H W 3"]


def draw_grid(
    rows: Sequence[Row], titles: Sequence[str], *, title: str = "", subtitle: str = ""
) -> Image.Image:
    """Draw rows of frames of one shape.

    Args:
        rows: top to bottom; at least one.
        titles: one of each column.
        title: the headline.
        subtitle: a second, quieter line.

    Returns:
        An RGB picture. Small frames are enlarged by a whole factor, pixel for pixel.
    """
    widths = [text_width(text, size) for row in rows for text, size, _ in row.lines]
    label_width = 26 + math.ceil(max(widths))
    factor = -(-_LEAST_TILE // rows[0].frames.shape[2])
    height, width = (side * factor for side in rows[0].frames.shape[1:3])
    top = MARGIN + _header_height(title, subtitle) + 24
    across = label_width + len(titles) * (width + _GAP) - _GAP
    inner = max(across, _header_width(title, subtitle))
    bottom = top + len(rows) * (height + _ROW_GAP) - _ROW_GAP
    sheet = Image.new("RGB", (inner + 2 * MARGIN, bottom + MARGIN), PAPER)
    draw = ImageDraw.Draw(sheet)
    _draw_header(draw, title, subtitle)
    left = MARGIN + label_width
    for column, text in enumerate(titles):
        x = left + column * (width + _GAP) + width / 2
        draw.text((x, top - 10), text, MUTED, font(15), anchor="ms")
    for number, row in enumerate(rows):
        y = top + number * (height + _ROW_GAP)
        _draw_labels(draw, y + height / 2, row.lines)
        for column, frame in enumerate(row.frames):
            sheet.paste(enlarged(frame, factor), (left + column * (width + _GAP), y))
    return sheet


def _header_height(title: str, subtitle: str) -> int:
    return (46 if title else 0) + (30 if subtitle else 0)


def _header_width(title: str, subtitle: str) -> int:
    return math.ceil(max(text_width(title, _TITLE_SIZE), text_width(subtitle, _SUBTITLE_SIZE)))


def _draw_header(draw: ImageDraw.ImageDraw, title: str, subtitle: str) -> None:
    y = MARGIN
    if title:
        draw.text((MARGIN, y + 22), title, INK, font(_TITLE_SIZE), anchor="ls")
        y += 40
    if subtitle:
        draw.text((MARGIN, y + 12), subtitle, MUTED, font(_SUBTITLE_SIZE), anchor="ls")


def _draw_labels(draw: ImageDraw.ImageDraw, middle: float, lines: Sequence[Line]) -> None:
    y = middle - _LINE_PITCH * (len(lines) - 1) / 2
    for text, size, color in lines:
        draw.text((MARGIN, y), text, color, font(size), anchor="lm")
        y += _LINE_PITCH
