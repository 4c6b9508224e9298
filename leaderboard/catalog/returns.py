"""The returns of a dataset, drawn with the page's own elements: bars, and boxes of quartiles."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from leaderboard.catalog.markup import Markup, element
from vd4rl_data.preview.bins import bin_edges, ticks
from vd4rl_data.preview.typography import number_text
from vd4rl_data.report import ROWS
from vd4rl_data.spec import ReturnStatistics

_TICKS = 6


@dataclass(frozen=True, slots=True)
class Axis:
    """A range of returns, as wide as the drawing."""

    low: float
    high: float

    def at(self, value: float) -> float:
        """Percent of the width; the ends for what lies outside."""
        return round(100 * min(1.0, max(0.0, (value - self.low) / (self.high - self.low))), 2)


def returns_figure(
    returns: NDArray[np.float64] | None,
    ours: ReturnStatistics | None,
    published: ReturnStatistics | None,
) -> Markup | None:
    """Histogram and boxes over one axis; ``None`` if nothing is known.

    Args:
        returns: undiscounted episode returns, float64 (E,), of the data at hand.
        ours: their statistics.
        published: the paper's.
    """
    edges = None if returns is None else bin_edges(returns)
    axis = _axis(edges, published)
    if axis is None:
        return None
    rows = [] if returns is None or edges is None else _row("", _bars(returns, edges, axis))
    for name, statistics in (("this data", ours), ("published", published)):
        if statistics is not None:
            rows += _row(name, box(statistics, axis))
    marks = [
        element("span", number_text(value, digits), style=f"left:{axis.at(value)}%")
        for value, digits in ticks(axis.low, axis.high, _TICKS)
    ]
    rows += _row("", element("div", marks, class_="axis", aria_hidden="true"))
    what = "Boxes reach from P25 to P75, lines from the lowest to the highest; the bar is the mean."
    caption = element("figcaption", element("small", what))
    return element("figure", caption, element("div", rows, class_="plot"), class_="returns")


def box(statistics: ReturnStatistics, axis: Axis, name: str = "Returns") -> Markup:
    """Lowest, quartiles, mean and highest as a line, a box and a bar."""
    text = ", ".join(
        f"{word} {number_text(getattr(statistics, field))}" for field, word in ROWS.items()
    )
    return element(
        "span",
        _span("whisker", axis, statistics.min, statistics.max),
        _span("box", axis, statistics.p25, statistics.p75),
        element("i", class_="mean", style=f"left:{axis.at(statistics.mean)}%"),
        class_="boxplot",
        role="img",
        aria_label=f"{name}: {text}",
    )


def statistics_table(
    ours: ReturnStatistics | None,
    num_episodes: int,
    published: ReturnStatistics | None,
    published_episodes: int,
) -> Markup:
    """The numbers of the figure."""
    columns = [("this data", ours, num_episodes), ("published", published, published_episodes)]
    known = [(name, found, count) for name, found, count in columns if found is not None]
    head = element(
        "tr",
        element("th", "Return", scope="col", class_="text"),
        [element("th", name, scope="col") for name, _, _ in known],
    )
    rows = [_line("episodes", [f"{count:,}" for _, _, count in known])]
    rows += [
        _line(word, [number_text(getattr(found, field)) for _, found, _ in known])
        for field, word in ROWS.items()
    ]
    caption = element("caption", "Statistics of the episode returns", class_="visually-hidden")
    return element("table", caption, element("thead", head), element("tbody", rows))


def _line(name: str, cells: list[str]) -> Markup:
    return element("tr", element("th", name, scope="row"), [element("td", cell) for cell in cells])


def _axis(edges: NDArray[np.float64] | None, published: ReturnStatistics | None) -> Axis | None:
    ends = [] if edges is None else [float(edges[0]), float(edges[-1])]
    ends += [] if published is None else [published.min, published.max]
    if not ends:
        return None
    low, high = min(ends), max(ends)
    air = 0.02 * (high - low) or 1.0
    return Axis(low - air, high + air)


def _row(name: str, content: Markup) -> list[Markup]:
    return [element("span", name, class_="name"), content]


def _bars(returns: NDArray[np.float64], edges: NDArray[np.float64], axis: Axis) -> Markup:
    counts = np.histogram(returns, edges)[0]
    most = int(counts.max())
    bars = [
        element(
            "rect",
            x=axis.at(start),
            y=round(100 - 100 * count / most, 2),
            width=round(axis.at(stop) - axis.at(start), 2),
            height=round(100 * count / most, 2),
        )
        for count, start, stop in zip(counts.tolist(), edges[:-1], edges[1:], strict=True)
        if count
    ]
    label = f"Histogram of {len(returns):,} episode returns; the highest bar is {most:,}"
    view = {"viewBox": "0 0 100 100", "preserveAspectRatio": "none"}
    return element("svg", bars, class_="bars", role="img", aria_label=label, **view)


def _span(name: str, axis: Axis, low: float, high: float) -> Markup:
    left = axis.at(low)
    width = round(axis.at(high) - left, 2)
    return element("i", class_=name, style=f"left:{left}%;width:{width}%")
