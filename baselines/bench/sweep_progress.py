"""One bar over the gradient steps of all runs of a sweep."""

from __future__ import annotations

from collections.abc import Sequence

from tqdm import tqdm

from vd4rl_data.progress import skip


class SweepProgress:
    """Gathers where the runs stand; use it in a ``with`` statement.

    Attributes:
        done_here: gradient steps that this call did.
    """

    def __init__(self, steps: Sequence[int], *, show: bool = True) -> None:
        """A bar over runs of so many gradient steps each."""
        self.done_here = 0
        self._positions: dict[int, int] = {}
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

    def tell(self, number: int, step: int) -> None:
        """A run stands at this gradient step; where it begins was done before."""
        if number not in self._positions:
            skip(self._bar, step)
            self._bar.refresh()
        else:
            moved = step - self._positions[number]
            self._bar.update(moved)
            self.done_here += moved
        self._positions[number] = step
