"""Episode returns beside the published ones, formatted for readers."""

from __future__ import annotations

from typing import Final

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from vd4rl_data.bounds import impossible_returns
from vd4rl_data.equivalence import MeanDifference, compare_means
from vd4rl_data.spec import DatasetSpec, ReturnStatistics

_LEAST_WIDTH: Final = 48
ROWS: Final = {
    "mean": "mean",
    "std": "std",
    "min": "min",
    "p25": "P25",
    "median": "median",
    "p75": "P75",
    "max": "max",
}


def comparison(spec: DatasetSpec, statistics: ReturnStatistics, num_episodes: int) -> str:
    """How the mean return compares with the published one, in one line.

    If the task can never give some of the returns, the line says so instead.
    """
    return ": ".join(comparison_parts(spec, statistics, num_episodes))


def comparison_parts(
    spec: DatasetSpec, statistics: ReturnStatistics, num_episodes: int
) -> tuple[str, ...]:
    """The parts of :func:`comparison`: the difference with its interval, and what follows."""
    impossible = impossible_returns(spec.task, [statistics.min, statistics.max])
    if impossible is not None:
        return (impossible,)
    if spec.published_returns is None:
        return ("no published returns to compare with",)
    found = compare_means(spec, statistics, num_episodes)
    if found is None:
        difference = statistics.mean - spec.published_returns.mean
        return (f"{difference:+.1f}", "a single episode does not allow a comparison")
    return interval_text(found), verdict_text(found)


def interval_text(found: MeanDifference) -> str:
    """A difference and its interval."""
    return f"{found.difference:+,.1f} (95 % interval {found.low:+,.1f} to {found.high:+,.1f})"


def verdict_text(found: MeanDifference) -> str:
    """What follows from the interval, in words."""
    return {
        "agree": f"the means agree within {found.margin:,.1f}",
        "differ": f"the means DIFFER by more than {found.margin:,.1f}",
        "undecided": f"UNDECIDED whether the means agree within {found.margin:,.1f}",
    }[found.verdict]


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
        caption=Text("\n".join(comparison_parts(spec, statistics, num_episodes)), style="dim"),
        caption_justify="left",
        box=SIMPLE_HEAD,
        pad_edge=False,
        min_width=_LEAST_WIDTH,
    )
    table.add_column("return", no_wrap=True)
    table.add_column("this data", justify="right", no_wrap=True)
    if published is None:
        table.add_row("episodes", f"{num_episodes:,}")
        for column, title in ROWS.items():
            table.add_row(title, f"{getattr(statistics, column):.1f}")
        return table
    table.add_column("published", justify="right", no_wrap=True)
    table.add_column("difference", justify="right", no_wrap=True, style="dim")
    table.add_row("episodes", f"{num_episodes:,}", f"{spec.num_episodes:,}", "")
    for column, title in ROWS.items():
        ours, theirs = getattr(statistics, column), getattr(published, column)
        table.add_row(title, f"{ours:.1f}", f"{theirs:.1f}", f"{ours - theirs:+.1f}")
    return table
