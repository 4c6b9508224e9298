"""Pictures of what ``inspect`` found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from baselines.dreamer.inspection import Strip
from vd4rl_data.errors import MissingDependencyError
from vd4rl_data.storage.atomic import atomic_path

_COLUMNS: Final = 10
"""Pictures in a row, spread over the sequence."""
_GAP: Final = 3
"""White pixels between them."""
_COLORS: Final = ("#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd")

Values = Mapping[str, NDArray[Any]]
"""Uncertainties by the name of what is uncertain."""


class Pictures:
    """Draws without a window and without global state."""

    def __init__(self) -> None:
        """Raises:
        MissingDependencyError: there is no matplotlib.
        """
        try:
            from matplotlib.figure import Figure
        except ImportError as error:
            raise MissingDependencyError(
                'pictures need matplotlib: pip install -e ".[baselines]"'
            ) from error
        self._figure: Any = Figure

    def strips(self, strips: Sequence[Strip], path: Path) -> None:
        """Rows of pictures with their time steps and names."""
        steps = _shown_steps(len(strips[0].frames))
        size = (1.1 * len(steps) + 1.2, 1.1 * len(strips) + 0.4)
        figure = self._figure(figsize=size, dpi=100, layout="constrained")
        axes = figure.subplots(len(strips), squeeze=False)[:, 0]
        for row, strip in enumerate(strips):
            _show(axes[row], strip, steps, named=row == 0)
        _save(figure, path)

    def histograms(self, found: Mapping[str, Values], path: Path) -> None:
        """Of uncertainties by dataset, one below the other for each kind."""
        kinds = list(next(iter(found.values())))
        size = (7, 0.4 + 3.2 * len(kinds))
        figure = self._figure(figsize=size, dpi=140, layout="constrained")
        for axes, kind in zip(figure.subplots(len(kinds), squeeze=False)[:, 0], kinds, strict=True):
            values = {name: each[kind].ravel() for name, each in found.items()}
            edges = np.histogram_bin_edges(np.concatenate(list(values.values())), bins=50)
            for number, (name, each) in enumerate(values.items()):
                color = _COLORS[number % len(_COLORS)]
                axes.hist(each, edges, density=True, alpha=0.5, color=color, label=name)
                axes.axvline(each.mean(), color=color, lw=1)
            axes.set(xlabel=f"uncertainty of a state: {kind}", ylabel="density")
            axes.spines[["top", "right"]].set_visible(False)
            axes.legend(frameon=False, fontsize=8)
        _save(figure, path)

    def courses(self, strips: Sequence[Strip], values: Values, path: Path) -> None:
        """Each sequence above how uncertain its states are.

        Args:
            strips: of T frames each.
            values: of each kind (B, T - 1), without the first states; B strips at least.
            path: where it goes.
        """
        steps = _shown_steps(len(strips[0].frames))
        size = (1.1 * len(steps) + 1.2, 2.3 * len(strips) + 0.4)
        figure = self._figure(figsize=size, dpi=100, layout="constrained")
        places = figure.subplots(2 * len(strips), sharex=True, squeeze=False)[:, 0]
        highest = max(float(each.max()) for each in values.values())
        for number, strip in enumerate(strips):
            middles = _show(places[2 * number], strip, steps, named=True, aspect="auto")
            axes = places[2 * number + 1]
            at = np.interp(np.arange(1, len(strip.frames)), steps, middles)
            for (kind, each), color in zip(values.items(), _COLORS, strict=False):
                axes.plot(at, each[number], color=color, label=kind)
            axes.set(ylim=(0, 1.05 * highest + 1e-9))
            axes.set_ylabel("uncertainty", fontsize=8)
            axes.spines[["top", "right"]].set_visible(False)
            axes.tick_params(labelsize=7, labelbottom=False)
            if number == 0:
                axes.legend(frameon=False, fontsize=8, ncols=len(values))
        _save(figure, path)


def _shown_steps(length: int) -> NDArray[np.int64]:
    spread = np.linspace(0, length - 1, min(_COLUMNS, length))
    return np.unique(spread.round().astype(np.int64))


def _show(
    axes: Any, strip: Strip, steps: NDArray[np.int64], *, named: bool, aspect: str = "equal"
) -> NDArray[np.float64]:
    """A strip's pictures side by side; returns the middle of each.

    Args:
        axes: where.
        strip: what.
        steps: which.
        named: whether their time steps stand above.
        aspect: ``auto`` fills the axes.
    """
    frames = strip.frames[steps].numpy()
    size, width = frames.shape[1], frames.shape[1] + _GAP
    row = np.full((size, width * len(steps) - _GAP, 3), 255, np.uint8)
    for place, frame in enumerate(frames):
        row[:, place * width : place * width + size] = frame
    axes.imshow(row, interpolation="nearest", aspect=aspect)
    middles = width * np.arange(len(steps)) + size / 2
    axes.set_xticks(middles, [f"t = {step}" if named else "" for step in steps])
    axes.tick_params(top=False, labeltop=True, bottom=False, labelbottom=False, labelsize=8)
    axes.set(yticks=[])
    axes.spines[:].set_visible(False)
    axes.set_ylabel(strip.name, fontsize=8)
    return middles


def _save(figure: Any, path: Path) -> None:
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png")
