"""The contact sheet: what the episodes of a dataset look like, at a glance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from vd4rl_data.arguments import checked_count
from vd4rl_data.episode import Episode
from vd4rl_data.preview.typography import (
    INK,
    MARGIN,
    MUTED,
    PAPER,
    Color,
    enlarged,
    font,
    number_text,
    text_width,
)

_LEAST_TILE: Final = 112
_GAP: Final = 6
_ROW_GAP: Final = 14
_TITLE_SIZE: Final = 26
_SUBTITLE_SIZE: Final = 16
_LINE_PITCH: Final = 24

_Line = tuple[str, int, Color]
"""Text, font size, color."""


def contact_sheet(
    episodes: Sequence[Episode],
    *,
    numbers: Sequence[int] | None = None,
    columns: int = 8,
    title: str = "",
    subtitle: str = "",
) -> Image.Image:
    """Draw one row of evenly spread frames per episode, first and last frame included.

    Args:
        episodes: the rows, top to bottom; at least one, all with frames of the same shape.
        numbers: the episodes' numbers in their dataset, for the labels; by default 0, 1, ….
        columns: frames per row, at least two.
        title: the headline.
        subtitle: a second, quieter line.

    Returns:
        An RGB picture. Small frames are enlarged by a whole factor, pixel for pixel.

    Raises:
        TypeError: ``columns`` is not an integer.
        ValueError: no episode, fewer than two columns, or not as many numbers as episodes.
    """
    numbers = range(len(episodes)) if numbers is None else numbers
    if not episodes or checked_count("columns", columns) < 2 or len(numbers) != len(episodes):
        raise ValueError(
            "contact_sheet: expected 1 or more episodes, a number for each, 2 or more columns; "
            f"got {len(episodes)} episodes, {len(numbers)} numbers and {columns} columns"
        )
    labels = [_episode_labels(n, episode) for n, episode in zip(numbers, episodes, strict=True)]
    label_width = 26 + math.ceil(
        max(text_width(text, size) for lines in labels for text, size, _ in lines)
    )
    factor = -(-_LEAST_TILE // episodes[0].observations.shape[2])
    height, width = (side * factor for side in episodes[0].observations.shape[1:3])
    top = MARGIN + _header_height(title, subtitle) + 24
    inner = max(label_width + columns * (width + _GAP) - _GAP, _header_width(title, subtitle))
    bottom = top + len(episodes) * (height + _ROW_GAP) - _ROW_GAP
    sheet = Image.new("RGB", (inner + 2 * MARGIN, bottom + MARGIN), PAPER)
    draw = ImageDraw.Draw(sheet)
    _draw_header(draw, title, subtitle)
    left = MARGIN + label_width
    for column, text in enumerate(_column_labels(episodes, columns)):
        x = left + column * (width + _GAP) + width / 2
        draw.text((x, top - 10), text, MUTED, font(15), anchor="ms")
    for row, episode in enumerate(episodes):
        y = top + row * (height + _ROW_GAP)
        _draw_labels(draw, y + height / 2, labels[row])
        for column, frame in enumerate(_spread(episode, columns)):
            sheet.paste(enlarged(frame, factor), (left + column * (width + _GAP), y))
    return sheet


def _spread(episode: Episode, columns: int) -> NDArray[np.uint8]:
    """uint8 (columns, H, W, 3): evenly spread observations, first and last included."""
    return episode.observations[np.linspace(0, len(episode), columns).round().astype(np.int64)]


def _column_labels(episodes: Sequence[Episode], columns: int) -> list[str]:
    """Time steps if all episodes are equally long, else shares of the episode."""
    lengths = {len(episode) for episode in episodes}
    if len(lengths) == 1:
        steps = np.linspace(0, lengths.pop(), columns).round().astype(np.int64)
        return [f"t = {step}" for step in steps]
    return [f"{share:.0%}" for share in np.linspace(0, 1, columns)]


def _episode_labels(number: int, episode: Episode) -> list[_Line]:
    """The lines beside a row."""
    end = ", terminated" if episode.terminated else ""
    return [
        (f"episode {number}", 18, INK),
        (f"return {number_text(episode.episode_return)}", 16, INK),
        (f"{len(episode)} steps{end}", 16, MUTED),
    ]


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


def _draw_labels(draw: ImageDraw.ImageDraw, middle: float, lines: Sequence[_Line]) -> None:
    y = middle - _LINE_PITCH * (len(lines) - 1) / 2
    for text, size, color in lines:
        draw.text((MARGIN, y), text, color, font(size), anchor="lm")
        y += _LINE_PITCH
