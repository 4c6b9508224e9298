"""Episode returns beside the published ones, as a person likes to read them."""

from __future__ import annotations

import math
from typing import Final

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from vd4rl_data.spec import DatasetSpec, ReturnStatistics

SUSPICIOUS_Z: Final = 3.0
"""Means further apart than so many standard errors are pointed out (chance: about 0.3 %)."""

_LEAST_WIDTH: Final = 48
_ROWS: Final = {
    "mean": "mean",
    "std": "std",
    "min": "min",
    "p25": "P25",
    "median": "median",
    "p75": "P75",
    "max": "max",
}


def mean_z_value(
    statistics: ReturnStatistics,
    num_episodes: int,
    published: ReturnStatistics,
    published_episodes: int,
) -> float | None:
    """The difference of two mean returns in units of its standard error.

    ``(mean - published mean) / sqrt(std² / E + published std² / published E)``: the sampling errors
    of both means, as if the episodes were drawn independently.

    Args:
        statistics: what was measured.
        num_episodes: on how many episodes it was measured, at least one.
        published: what to compare with.
        published_episodes: how many episodes that summarizes, at least one.

    Returns:
        ``None`` where no sampling error can be told: all returns are equal on both sides.

    Raises:
        ValueError: a number of episodes is not positive.
    """
    if num_episodes < 1 or published_episodes < 1:
        raise ValueError(
            f"expected 1 or more episodes on both sides, got {num_episodes}, {published_episodes}"
        )
    error = math.sqrt(
        statistics.std**2 / num_episodes + published.std**2 / published_episodes,
    )
    return (statistics.mean - published.mean) / error if error else None


def comparison(spec: DatasetSpec, statistics: ReturnStatistics, num_episodes: int) -> str:
    """How the mean return compares with the published one, in one line."""
    published = spec.published_returns
    if published is None:
        return "nothing was published to compare with"
    difference = statistics.mean - published.mean
    z = mean_z_value(statistics, num_episodes, published, spec.num_episodes)
    if z is None:
        return f"{difference:+.1f}, without a sampling error to compare it with"
    verdict = "agree" if abs(z) <= SUSPICIOUS_Z else "DIFFER"
    return f"{difference:+.1f} = {z:+.2f} standard errors: the means {verdict}"


def returns_table(spec: DatasetSpec, statistics: ReturnStatistics, num_episodes: int) -> Table:
    """The return statistics of some episodes beside the paper's, and how their means compare.

    Args:
        spec: the catalog row, with or without published returns.
        statistics: undiscounted episode returns of the data at hand.
        num_episodes: how many episodes they summarize.

    Returns:
        A table for ``rich.console.Console.print``, about 48 characters wide.
    """
    published = spec.published_returns
    table = Table(
        title=Text(spec.name, style="bold"),
        title_justify="left",
        caption=Text(comparison(spec, statistics, num_episodes), style="dim"),
        caption_justify="left",
        box=SIMPLE_HEAD,
        pad_edge=False,
        min_width=_LEAST_WIDTH,
    )
    table.add_column("return", no_wrap=True)
    table.add_column("this data", justify="right", no_wrap=True)
    if published is None:
        table.add_row("episodes", f"{num_episodes:,}")
        for column, title in _ROWS.items():
            table.add_row(title, f"{getattr(statistics, column):.1f}")
        return table
    table.add_column("published", justify="right", no_wrap=True)
    table.add_column("difference", justify="right", no_wrap=True, style="dim")
    table.add_row("episodes", f"{num_episodes:,}", f"{spec.num_episodes:,}", "")
    for column, title in _ROWS.items():
        ours, theirs = getattr(statistics, column), getattr(published, column)
        table.add_row(title, f"{ours:.1f}", f"{theirs:.1f}", f"{ours - theirs:+.1f}")
    return table
