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

    The first position counts as work of an earlier call.
    """

    def __init__(self, total: int, *, title: str = "", show: bool = True) -> None:
        """Start a bar over ``total`` steps."""
        self._title = title
        self._bar = tqdm(
            total=total,
            desc=title,
            unit=" steps",
            disable=not show,
            dynamic_ncols=True,
            smoothing=0.05,
        )
        self._begun = False

    def __enter__(self) -> StepBar:
        """Return the bar, which is drawn as soon as it is created."""
        return self

    def __exit__(self, *_: object) -> None:
        """Draw the bar a last time and close it."""
        self._bar.close()

    def move_to(self, step: int, text: str = "") -> None:
        """Show that ``step`` steps are finished; ``text`` is shown after the title."""
        if self._title:
            self._bar.set_description(f"{self._title}: {text}" if text else self._title, False)
        if self._begun:
            self._bar.update(step - self._bar.n)
        else:
            self._begun = True
            skip(self._bar, step)
