"""The histogram of episode returns, with the published mean marked."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import ArrayLike
from PIL import Image, ImageDraw

from vd4rl_data.preview.bins import bin_edges, extent, nice_step, ticks
from vd4rl_data.preview.typography import (
    BAND,
    BAR,
    INK,
    MARGIN,
    MARK,
    MUTED,
    PAPER,
    RULE,
    Color,
    font,
    number_text,
    text_width,
)
from vd4rl_data.scores import return_statistics
from vd4rl_data.spec import ReturnStatistics

SIZE: Final = (1280, 760)
"""Width and height of the picture."""

_COUNT_STEPS: Final = (1.0, 2.0, 5.0, 10.0)


def return_histogram(
    returns: ArrayLike,
    *,
    published: ReturnStatistics | None = None,
    title: str = "Episode returns",
) -> Image.Image:
    """Draw the distribution of the episode returns.

    Args:
        returns: undiscounted episode returns, shape (E,).
        published: the paper's statistics; its mean is marked and one standard deviation shaded.
        title: the headline.

    Returns:
        An RGB picture of 1280 x 760 pixels.

    Raises:
        ValueError: there are no returns.
    """
    values = np.asarray(returns, dtype=np.float64).reshape(-1)
    statistics = return_statistics(values)
    edges = bin_edges(values)
    counts = np.histogram(values, edges)[0]
    axes = _Axes(*extent(edges, published), int(counts.max()))
    picture = Image.new("RGB", SIZE, PAPER)
    draw = ImageDraw.Draw(picture)
    draw.text((MARGIN + 4, 58), title, INK, font(28), anchor="ls")
    _draw_legend(draw, statistics, len(values), published)
    if published is not None:
        axes.band(draw, published.mean - published.std, published.mean + published.std)
    axes.grid(draw)
    for count, start, stop in zip(counts, edges, edges[1:], strict=False):
        axes.bar(draw, float(start), float(stop), int(count))
    axes.base(draw)
    axes.line(draw, statistics.mean, INK)
    if published is not None:
        axes.line(draw, published.mean, MARK, dashed=True)
    return picture


def _draw_legend(
    draw: ImageDraw.ImageDraw,
    statistics: ReturnStatistics,
    num_episodes: int,
    published: ReturnStatistics | None,
) -> None:
    """One line above the axes, so that it never covers a bar."""
    x, y = MARGIN + 4.0, 94.0
    draw.rectangle((x, y - 8, x + 16, y + 8), BAR)
    episodes = "1 episode" if num_episodes == 1 else f"{num_episodes:,} episodes"
    x = _legend_text(draw, x + 26, y, episodes)
    draw.rectangle((x, y - 9, x + 2, y + 9), INK)
    x = _legend_text(draw, x + 13, y, f"mean {statistics.mean:.1f} ± {statistics.std:.1f}")
    if published is None:
        return
    draw.rectangle((x, y - 9, x + 22, y + 9), BAND)
    for start in (-9, -2, 5):
        draw.rectangle((x + 10, y + start, x + 12, y + start + 4), MARK)
    _legend_text(draw, x + 32, y, f"published {published.mean:.1f} ± {published.std:.1f}")


def _legend_text(draw: ImageDraw.ImageDraw, x: float, y: float, text: str) -> float:
    draw.text((x, y), text, MUTED, font(18), anchor="lm")
    return x + text_width(text, 18) + 34


class _Axes:
    """The coordinates of the histogram, and what is drawn in them."""

    def __init__(self, low: float, high: float, most: int) -> None:
        self.left, self.right = 92, SIZE[0] - 52
        self.top, self.bottom = 152, SIZE[1] - 92
        self.low, self.high = low, high
        self.most = most

    def x(self, value: float) -> int:
        """Pixel column of a return."""
        return round(
            self.left + (value - self.low) / (self.high - self.low) * (self.right - self.left)
        )

    def y(self, count: int) -> int:
        """Pixel row of a number of episodes."""
        return round(self.bottom - count / self.most * (self.bottom - self.top))

    def band(self, draw: ImageDraw.ImageDraw, low: float, high: float) -> None:
        """Shade a range of returns, as far as it lies inside."""
        low, high = max(low, self.low), min(high, self.high)
        if low < high:
            draw.rectangle((self.x(low), self.top - 10, self.x(high), self.bottom), BAND)

    def grid(self, draw: ImageDraw.ImageDraw) -> None:
        """Horizontal rules with their numbers of episodes."""
        step = max(1, round(nice_step(float(self.most), 6, _COUNT_STEPS)))
        for count in range(0, self.most + 1, step):
            draw.line((self.left, self.y(count), self.right, self.y(count)), RULE, 1)
            draw.text((self.left - 14, self.y(count)), f"{count:,}", MUTED, font(18), anchor="rm")

    def bar(self, draw: ImageDraw.ImageDraw, start: float, stop: float, count: int) -> None:
        """One bin, with a thin gap to its neighbors."""
        if count:
            left, right = self.x(start) + 1, self.x(stop) - 1
            draw.rectangle((left, self.y(count), max(left, right), self.bottom), BAR)

    def base(self, draw: ImageDraw.ImageDraw) -> None:
        """The axis of returns, its ticks and its title."""
        draw.line((self.left, self.bottom, self.right, self.bottom), INK, 2)
        for tick, decimals in ticks(self.low, self.high):
            x = self.x(tick)
            draw.line((x, self.bottom, x, self.bottom + 8), INK, 2)
            label = number_text(tick, decimals)
            draw.text((x, self.bottom + 16), label, MUTED, font(18), anchor="ma")
        middle = (self.left + self.right) / 2
        draw.text((middle, self.bottom + 52), "episode return", MUTED, font(18), anchor="ma")

    def line(
        self, draw: ImageDraw.ImageDraw, value: float, color: Color, *, dashed: bool = False
    ) -> None:
        """A vertical line at a return."""
        x, top = self.x(value), self.top - 10
        dash, pause = (10, 7) if dashed else (self.bottom - top, 1)
        for y in range(top, self.bottom, dash + pause):
            draw.rectangle((x - 1, y, x + 1, min(y + dash, self.bottom) - 1), color)
