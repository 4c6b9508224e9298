"""LQV-D4RL's look (SeMOPO, Wan et al., 2024): a video wherever the frame is bluish."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import UInt8

from vd4rl_data.media import Clip
from vd4rl_data.seeding import look_generator
from vd4rl_data.simulators.looks import Moment
from vd4rl_data.simulators.looks.background import RULES, Scenes, composited, grayed
from vd4rl_data.simulators.looks.levels import seed_of
from vd4rl_data.simulators.protocol import View
from vd4rl_data.spec import Look


class VideoLook:
    """A scene behind the robot, for any simulator: gray, or with the setting ``color``.

    An episode shows one scene, from a frame drawn for it, and begins again at its end. In the
    original, all clips were one reel. Setting ``where``: a rule of
    :data:`~vd4rl_data.simulators.looks.background.RULES`, by default ``blue``.
    """

    def __init__(self, look: Look, model: Any) -> None:
        """See :class:`~vd4rl_data.simulators.looks.DrawnLook`.

        Raises:
            ValueError: an unknown rule, or a level or parts, which this kind does not have.
            UnknownMediaError, MediaNotFoundError, OtherMediaError: see
                :func:`vd4rl_data.media.find_media`.
        """
        del model
        where = look.settings.get("where", "blue")
        if where not in RULES:
            raise ValueError(f"look: where: expected one of {', '.join(RULES)}, got {where!r}")
        if look.level is not None or look.parts:
            raise ValueError(f"look: video has neither levels nor parts, got {look!r}")
        self._look = look
        self._where = RULES[where]
        self._color = bool(look.settings.get("color", False))
        self._scenes = Scenes.of(look)
        self._seed: int | None = None
        self._clip: Clip
        self._start = 0

    def before(self, view: View, moment: Moment) -> View:
        """The view as it is."""
        del moment
        return view

    def after(
        self, frame: UInt8[np.ndarray, "H W 3"], moment: Moment
    ) -> UInt8[np.ndarray, "H W 3"]:
        """The frame before the scene."""
        seed = seed_of(self._look, moment)
        if seed != self._seed:
            random = look_generator(seed)
            names = self._scenes.names
            self._seed = seed
            self._clip = self._scenes.media.clip(names[random.choice(len(names))])
            self._start = int(random.choice(self._clip.length))
        number = self._start + moment.step if self._look.dynamic else self._start
        shown = self._clip.frame(number % self._clip.length, len(frame))
        return composited(frame, shown if self._color else grayed(shown), self._where(frame))
