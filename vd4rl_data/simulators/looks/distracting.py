"""The looks of the Distracting Control Suite (Stone et al., 2021), as V-D4RL's paper uses them.

Colors and camera are those of PyPI's ``distracting-control`` 0.1.1rc3 with the same seed, in the
first episode. Unlike there, an episode depends on its own seed alone. The camera of a model whose
own one is not beside the robot (humanoid: behind it) departs to both sides; there, it would stand
before the robot at any level.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np
from jaxtyping import Float64, UInt8

from vd4rl_data.look_words import DISTRACTIONS
from vd4rl_data.simulators.draw import place_camera
from vd4rl_data.simulators.looks import Moment
from vd4rl_data.simulators.looks.background import SCENES, Scenes, Sky, floor_alpha
from vd4rl_data.simulators.looks.camera import Rest, camera_walk
from vd4rl_data.simulators.looks.colors import color_walk
from vd4rl_data.simulators.looks.levels import Walks, scale_of, seed_of
from vd4rl_data.simulators.protocol import Pose, View
from vd4rl_data.spec import Camera, Look


class DistractingLook:
    """Colors, camera and background, or some of them."""

    def __init__(self, look: Look, model: Any) -> None:
        """See :class:`~vd4rl_data.simulators.looks.DrawnLook`.

        Raises:
            ValueError: no MuJoCo model, an unknown level or part, or no sky to replace.
            UnknownMediaError, MediaNotFoundError, OtherMediaError: see
                :func:`vd4rl_data.media.find_media`.
        """
        if model is None:
            raise ValueError("look: distracting changes a MuJoCo model, and the task has none")
        unknown = sorted({*look.parts} - {*DISTRACTIONS})
        if unknown or not look.parts:
            raise ValueError(
                f"look: parts: expected some of {', '.join(DISTRACTIONS)}, got"
                f" {look.parts or 'none'}"
            )
        self._look, self._model = look, model
        self._scale = scale_of(look)
        self._colors = Walks(self._color_walk)
        self._poses: dict[Camera, Walks[Pose]] = {}
        self._sky: Sky | None = None
        self._floor: tuple[int, float] | None = None
        if "background" in look.parts:
            scenes = Scenes.of(look, SCENES[str(look.level)])
            self._sky = Sky(scenes, model, dynamic=look.dynamic)
            self._floor = floor_alpha(model)

    def before(self, view: View, moment: Moment) -> View:
        """The view in this look."""
        seed, step = seed_of(self._look, moment), moment.step
        if "camera" in self._look.parts:
            view = dataclasses.replace(view, pose=self._camera(view.camera).at(seed, step))
        if self._sky is not None:
            view = dataclasses.replace(view, images=self._sky.images(seed, step, view.size))
        return dataclasses.replace(view, colors=self._materials(seed, step))

    def after(
        self, frame: UInt8[np.ndarray, "H W 3"], moment: Moment
    ) -> UInt8[np.ndarray, "H W 3"]:
        """The frame as it is."""
        del moment
        return frame

    def _materials(self, seed: int, step: int) -> Float64[np.ndarray, "M 4"]:
        colors = np.array(self._model.mat_rgba, np.float64)
        if "colors" in self._look.parts:
            colors[:, :3] = self._colors.at(seed, step)
        if self._floor is not None:
            number, alpha = self._floor
            colors[number, 3] = alpha
        return colors

    def _color_walk(self, seed: int) -> Iterator[Float64[np.ndarray, "M 3"]]:
        original = np.array(self._model.mat_rgba[:, :3], np.float64)
        return color_walk(original, self._scale, seed, dynamic=self._look.dynamic)

    def _camera(self, camera: Camera) -> Walks[Pose]:
        if camera not in self._poses:
            rest = Rest.of(self._model, place_camera(self._model, camera).fixedcamid)
            self._poses[camera] = Walks(
                lambda seed: camera_walk(rest, self._scale, seed, dynamic=self._look.dynamic)
            )
        return self._poses[camera]
