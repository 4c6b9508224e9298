"""One bar over the gradient steps of all runs of a sweep."""

from __future__ import annotations

import multiprocessing
from collections.abc import MutableSequence, Sequence
from typing import Final, TypeAlias

from tqdm import tqdm

from vd4rl_data.progress import skip

CONTEXT: Final = multiprocessing.get_context("spawn")
"""How a sweep starts processes."""

Positions: TypeAlias = MutableSequence[int]
"""Where each run began and where it stands, shared with its process; negative at first."""


class SweepProgress:
    """Gathers where the runs stand; use it in a ``with`` statement.

    Attributes:
        done_here: gradient steps that this call did.
        positions: two for each run; its process writes there, see :func:`tell`.
    """

    def __init__(self, steps: Sequence[int], *, show: bool = True) -> None:
        """A bar over runs of so many gradient steps each."""
        self.positions: Positions = CONTEXT.RawArray("q", [-1] * (2 * len(steps)))
        self.done_here = 0
        self._seen = [-1] * len(steps)
        self._bar = tqdm(
            total=sum(steps), unit=" steps", disable=not show, dynamic_ncols=True, smoothing=0.05
        )

    def __enter__(self) -> SweepProgress:
        """The bar is drawn from its creation on."""
        return self

    def __exit__(self, *_: object) -> None:
        """Draw the bar a last time."""
        self._bar.close()

    @property
    def done(self) -> int:
        """Gradient steps of all runs together."""
        return int(self._bar.n)

    def skip(self, steps: int) -> None:
        """A run of so many steps was done before."""
        skip(self._bar, steps)

    def refresh(self) -> None:
        """Draw where the runs stand now; where one begins was done before."""
        for number, seen in enumerate(self._seen):
            begin, position = self.positions[2 * number], self.positions[2 * number + 1]
            if position < 0:
                continue
            if seen < 0:
                skip(self._bar, begin)
            moved = position - max(seen, begin)
            self._bar.update(moved)
            self.done_here += moved
            self._seen[number] = position
        self._bar.refresh()


def tell(positions: Positions, number: int, step: int) -> None:
    """Called in a run's process: it stands at this gradient step."""
    if positions[2 * number] < 0:
        positions[2 * number] = step
    positions[2 * number + 1] = step
