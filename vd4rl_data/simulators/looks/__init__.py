"""How pixels are changed: what a look offers, and where each kind lives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
from jaxtyping import UInt8

from vd4rl_data.simulators.protocol import View
from vd4rl_data.spec import Look

LOOKS: Final[dict[str, str]] = {}
"""Kind → ``module:class`` of a :class:`DrawnLook`; entry points of ``vd4rl_data.looks`` add to
it."""


@dataclass(frozen=True, slots=True)
class Moment:
    """Which frame of which episode is drawn.

    Attributes:
        episode: the seed that the episode was reset with.
        step: time steps since its start.
    """

    episode: int
    step: int


START: Final = Moment(0, 0)
"""The first frame of the episode of seed 0; without a look, moments do not matter."""


class DrawnLook(Protocol):
    """A look at work on one model. What it does is a function of its settings and the moment
    alone: the same frame comes out whatever was drawn before, in whichever process.
    """

    def __init__(self, look: Look, model: Any) -> None:
        """Prepare.

        Args:
            look: what is wanted.
            model: ``mujoco.MjModel``, as the simulator made it, or ``None``.

        Raises:
            ValueError: a setting means nothing to this kind, or it needs a MuJoCo model.
        """
        ...

    def before(self, view: View, moment: Moment) -> View:
        """Change the model for the moment, and say what to draw."""
        ...

    def after(
        self, frame: UInt8[np.ndarray, "H W 3"], moment: Moment
    ) -> UInt8[np.ndarray, "H W 3"]:
        """Change the frame that was drawn."""
        ...
