"""What a dm_control task writes into its model when an episode starts, as far as it is seen.

Positions and velocities do not tell where reacher's target is: the task moves a geometry of the
model. :data:`LAYOUTS` lists what each domain writes, from the suite's code; a physics state holds
these numbers behind qpos, qvel and act.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np
from jaxtyping import Float64

from vd4rl_data.simulators.gl import load_mujoco

Places = tuple[tuple[str, tuple[str, ...]], ...]
"""Arrays of the model, e.g. ``geom_pos``, and the elements whose rows are written."""

LAYOUTS: Final[Mapping[str, Places]] = {
    "finger": (
        ("site_pos", ("target",)),
        ("site_size", ("target",)),
        ("site_rgba", ("target", "tip")),
    ),
    "fish": (("geom_pos", ("target",)), ("geom_rgba", ("target",))),
    "manipulator": (
        ("body_pos", ("target_ball", "target_peg", "cup", "slot")),
        ("body_quat", ("target_ball", "target_peg", "cup", "slot")),
    ),
    "reacher": (("geom_pos", ("target",)), ("geom_size", ("target",))),
    "stacker": (("body_pos", ("target",)),),
    "swimmer": (("geom_pos", ("target",)), ("light_pos", ("target_light",))),
}
"""Domain → what its tasks write; an element that a task's model lacks is passed over. Quadruped's
terrain is not among it: its actions do not fit the interface of simulators."""


class EpisodeLayout:
    """The numbers of one model that belong to its episode."""

    def __init__(self, domain: str, model: Any) -> None:
        """Find them.

        Args:
            domain: the suite's domain.
            model: ``mujoco.MjModel``.
        """
        self._rows = tuple(_rows(LAYOUTS.get(domain, ()), model))

    @property
    def size(self) -> int:
        """How many numbers there are."""
        return sum(row.size for row in self._rows)

    def read(self) -> Float64[np.ndarray, " L"]:
        """float64 (L,), a copy of what the model holds."""
        return np.concatenate([np.zeros(0), *self._rows])

    def write(self, values: Float64[np.ndarray, " L"]) -> None:
        """Put numbers that were read, float64 (L,), into the model."""
        start = 0
        for row in self._rows:
            row[:] = values[start : start + row.size]
            start += row.size


def _rows(places: Places, model: Any) -> Iterator[Any]:
    """Views of the model's arrays, one row each."""
    mujoco = load_mujoco()
    for array, names in places:
        kind = getattr(mujoco.mjtObj, f"mjOBJ_{array.partition('_')[0].upper()}")
        for name in names:
            number = mujoco.mj_name2id(model, kind, name)
            if number >= 0:
                yield getattr(model, array)[number]
