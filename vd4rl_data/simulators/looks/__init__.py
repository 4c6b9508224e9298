"""Looks, which change pixels: their interface, and the table of their kinds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Protocol, runtime_checkable

import numpy as np
from jaxtyping import UInt8

from vd4rl_data.simulators.protocol import View
from vd4rl_data.spec import Look

LOOKS: Final[dict[str, str]] = {
    "distracting": "vd4rl_data.simulators.looks.distracting:DistractingLook",
    "video": "vd4rl_data.simulators.looks.video:VideoLook",
}
"""Kind → ``module:class`` of a :class:`DrawnLook`; entry points of ``vd4rl_data.looks`` add to
it."""


@dataclass(frozen=True, slots=True)
class Moment:
    """Identifies the frame that is drawn: its episode and its time step.

    Attributes:
        episode: the seed that the episode was reset with.
        step: time steps since its start.
    """

    episode: int
    step: int


START: Final = Moment(0, 0)
"""The first frame of the episode of seed 0; without a look, the moment does not matter."""


@runtime_checkable
class DrawnLook(Protocol):
    """A look applied to one model. Its effect depends on its settings and the moment alone: the
    same frame results whatever was drawn before, in any process.
    """

    def __init__(self, look: Look, model: Any) -> None:
        """Prepare the look for a model.

        Args:
            look: the look and its settings.
            model: ``mujoco.MjModel``, as the simulator made it; ``None`` if it has none.

        Raises:
            ValueError: a setting does not apply to this kind, or the kind needs a MuJoCo model.
        """
        ...

    def before(self, view: View, moment: Moment) -> View:
        """The view to draw at this moment; the model itself stays as it is. The very view that was
        given says that its frame may be shared with other looks.
        """
        ...

    def after(
        self, frame: UInt8[np.ndarray, "H W 3"], moment: Moment
    ) -> UInt8[np.ndarray, "H W 3"]:
        """The frame in this look, a new array; the given one, which other looks may share, stays as
        it is.
        """
        ...
