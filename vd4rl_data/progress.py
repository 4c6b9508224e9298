"""Progress bars of work that may have been begun by an earlier call."""

from __future__ import annotations

from typing import Any

from tqdm import tqdm


def skip(bar: tqdm[Any], count: int) -> None:
    """Move a bar by what was done before: it counts, but not for the speed and the time left."""
    bar.n += count
    if bar.disable:
        return  # it has no more than that
    bar.initial += count
    bar.last_print_n += count


class StepBar:
    """A bar that is told where things stand, not how far they went; use it in a ``with``.

    The first position is where an earlier call stopped.
    """

    def __init__(self, total: int, *, title: str = "", show: bool = True) -> None:
        """A bar over ``total`` steps."""
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
        """The bar is drawn from its creation on."""
        return self

    def __exit__(self, *_: object) -> None:
        """Draw the bar a last time."""
        self._bar.close()

    def move_to(self, step: int, text: str = "") -> None:
        """So many steps are done; ``text`` follows the title."""
        if self._title:
            self._bar.set_description(f"{self._title}: {text}" if text else self._title, False)
        if self._begun:
            self._bar.update(step - self._bar.n)
        else:
            self._begun = True
            skip(self._bar, step)
