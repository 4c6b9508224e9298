"""Progress bars of work that an earlier call may have begun."""

from __future__ import annotations

from typing import Any

from tqdm import tqdm


def skip(bar: tqdm[Any], count: int) -> None:
    """Advance a bar by work done earlier, which does not count for the speed and the time left."""
    bar.n += count
    if bar.disable:
        return  # a disabled bar has no further attributes
    bar.initial += count
    bar.last_print_n += count


class StepBar:
    """A bar that is given absolute positions, not increments; use it in a ``with`` statement.

    It is drawn at the first position, which counts as work of an earlier call: nothing is drawn
    above the error of work that could not begin.
    """

    def __init__(self, total: int, *, title: str = "", show: bool = True) -> None:
        """Prepare a bar over ``total`` steps."""
        self._total, self._title, self._show = total, title, show
        self._bar: tqdm[Any] | None = None

    def __enter__(self) -> StepBar:
        """Return the bar."""
        return self

    def __exit__(self, *_: object) -> None:
        """Draw the bar a last time and close it."""
        if self._bar is not None:
            self._bar.close()

    def move_to(self, step: int, text: str = "") -> None:
        """Show that ``step`` steps are finished; ``text`` is shown after the title."""
        if self._bar is None:
            self._bar = self._drawn_from(step)
        if self._title:
            self._bar.set_description(f"{self._title}: {text}" if text else self._title, False)
        self._bar.update(step - self._bar.n)

    def _drawn_from(self, step: int) -> tqdm[Any]:
        return tqdm(
            total=self._total,
            initial=step,
            desc=self._title,
            unit=" steps",
            disable=not self._show,
            dynamic_ncols=True,
            smoothing=0.05,
        )
