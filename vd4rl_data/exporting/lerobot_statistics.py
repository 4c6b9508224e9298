"""The statistics that LeRobot normalizes by: of every column, and of a sample of the frames."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from jaxtyping import UInt8
from numpy.typing import NDArray

_EVERY: Final = 10
"""Of the frames, each tenth counts; LeRobot itself looks at a sample, too."""

_QUANTILES: Final = {"q01": 0.01, "q10": 0.1, "q50": 0.5, "q90": 0.9, "q99": 0.99}
_FRAME: Final = "observation.image"


class Statistics:
    """Gathers columns, which are small, and how often each grey level was seen."""

    def __init__(self) -> None:
        """Nothing was seen yet."""
        self._columns: dict[str, list[NDArray[Any]]] = {}
        self._levels = np.zeros((3, 256), np.int64)
        self._frames = 0

    def add(self, frames: UInt8[np.ndarray, "T H W 3"], rows: Mapping[str, NDArray[Any]]) -> None:
        """Count an episode: its frames, and its other columns of T rows."""
        for name, values in rows.items():
            self._columns.setdefault(name, []).append(values)
        sample = frames[::_EVERY]
        self._frames += len(sample)
        for channel in range(3):
            self._levels[channel] += np.bincount(sample[..., channel].ravel(), minlength=256)

    def record(self) -> dict[str, dict[str, Any]]:
        """Column → name of a statistic → its values; those of frames lie in [0, 1]."""
        found = {name: _of_column(np.concatenate(all_)) for name, all_ in self._columns.items()}
        return {_FRAME: self._of_frames(), **found}

    def _of_frames(self) -> dict[str, Any]:
        levels = np.arange(256) / 255
        count = self._levels.sum(axis=1)
        mean = self._levels @ levels / count
        spread = np.sqrt(np.maximum(self._levels @ levels**2 / count - mean**2, 0))
        below = self._levels.cumsum(axis=1)
        values = {
            "min": [levels[np.flatnonzero(row)[0]] for row in self._levels],
            "max": [levels[np.flatnonzero(row)[-1]] for row in self._levels],
            "mean": mean,
            "std": spread,
        }
        for name, share in _QUANTILES.items():
            values[name] = [levels[np.searchsorted(row, share * row[-1])] for row in below]
        shaped = {name: [[[float(one)]] for one in three] for name, three in values.items()}
        return {**shaped, "count": [self._frames]}


def _of_column(values: NDArray[Any]) -> dict[str, Any]:
    table = values.reshape(len(values), -1).astype(np.float64)
    quantiles = {name: np.quantile(table, share, axis=0) for name, share in _QUANTILES.items()}
    found = {
        "min": table.min(axis=0),
        "max": table.max(axis=0),
        "mean": table.mean(axis=0),
        "std": table.std(axis=0),
        **quantiles,
    }
    return {**{name: each.tolist() for name, each in found.items()}, "count": [len(table)]}
