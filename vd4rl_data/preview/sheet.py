"""The contact sheet: what the episodes of a dataset look like, at a glance."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vd4rl_data.arguments import checked_count
from vd4rl_data.episode import Episode
from vd4rl_data.preview.grid import Line, Row, draw_grid
from vd4rl_data.preview.typography import INK, MUTED, number_text


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
    rows = [
        Row(_episode_labels(number, episode), episode.observations[spread_steps(episode, columns)])
        for number, episode in zip(numbers, episodes, strict=True)
    ]
    return draw_grid(rows, _column_labels(episodes, columns), title=title, subtitle=subtitle)


def spread_steps(episode: Episode, columns: int) -> NDArray[np.int64]:
    """int64 (columns,): evenly spread time steps, first and last included."""
    return np.linspace(0, len(episode), columns).round().astype(np.int64)


def _column_labels(episodes: Sequence[Episode], columns: int) -> list[str]:
    """Time steps if all episodes are equally long, else shares of the episode."""
    lengths = {len(episode) for episode in episodes}
    if len(lengths) == 1:
        steps = np.linspace(0, lengths.pop(), columns).round().astype(np.int64)
        return [f"t = {step}" for step in steps]
    return [f"{share:.0%}" for share in np.linspace(0, 1, columns)]


def _episode_labels(number: int, episode: Episode) -> list[Line]:
    """The lines beside a row."""
    end = ", terminated" if episode.terminated else ""
    return [
        (f"episode {number}", 18, INK),
        (f"return {number_text(episode.episode_return)}", 16, INK),
        (f"{len(episode)} steps{end}", 16, MUTED),
    ]
