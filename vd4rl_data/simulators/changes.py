"""What a look changes for one frame: the model and its data are afterwards as they were."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Mapping
from typing import Any, Final

import numpy as np
from jaxtyping import UInt8
from numpy.typing import NDArray

from vd4rl_data.simulators.gl import load_mujoco
from vd4rl_data.simulators.protocol import Pose, View

ROBOT: Final = 1
"""The model's first body below the world, whose subtree is the robot."""


@contextlib.contextmanager
def changed(model: Any, data: Any, view: View, camera: int) -> Generator[None]:
    """Colors and camera of a view, for as long as the scene is built from model and data.

    Args:
        model: ``mujoco.MjModel``.
        data: ``mujoco.MjData``.
        view: what to draw.
        camera: number of the model's camera; -1 for a free one.

    Raises:
        ValueError: a pose for a camera that is not the model's.
    """
    with contextlib.ExitStack() as stack:
        if view.colors is not None:
            stack.enter_context(_replaced(model.mat_rgba, view.colors))
        if view.pose is not None:
            if camera < 0:
                raise ValueError(f"pose: expected a camera of the model, got {view.camera}")
            position, rotation = placed(view.pose, data)
            stack.enter_context(_replaced(data.cam_xpos[camera], position))
            stack.enter_context(_replaced(data.cam_xmat[camera], rotation.ravel()))
        yield


def placed(pose: Pose, data: Any) -> tuple[Any, Any]:
    """Position (3,) and rotation (3, 3) of a pose in the world, for a state."""
    origin = data.subtree_com[ROBOT] if pose.follows else np.zeros(3)
    return origin + pose.offset, pose.rotation


class Images:
    """The images that an OpenGL context has in place of its model's own textures."""

    def __init__(self) -> None:
        """None yet."""
        self._shown: dict[int, NDArray[np.uint8]] = {}

    def show(
        self, model: Any, context: Any, images: Mapping[int, UInt8[np.ndarray, "h w 3"]]
    ) -> None:
        """Upload what differs from the last frame: new images, and the model's own for old ones.

        Raises:
            ValueError: the model has no such texture, or the image is larger than it.
        """
        upload = load_mujoco().mjr_uploadTexture
        for number in self._shown.keys() - images.keys():
            upload(model, context, number)
            del self._shown[number]
        for number, image in images.items():
            if self._shown.get(number) is not image:
                with _image(model, number, image):
                    upload(model, context, number)
                self._shown[number] = image


@contextlib.contextmanager
def _image(model: Any, number: int, image: UInt8[np.ndarray, "h w 3"]) -> Generator[None]:
    own = (model.tex_width[number], model.tex_height[number]) if number < model.ntex else (0, 0)
    if not 0 < image.size <= own[0] * own[1] * model.tex_nchannel[number]:
        raise ValueError(
            f"image: texture {number} of this model has {own[1]} x {own[0]} pixels; a larger image"
            f" does not fit, got {image.shape[0]} x {image.shape[1]}"
        )
    start = model.tex_adr[number]
    sides = slice(number, number + 1)
    with contextlib.ExitStack() as stack:
        stack.enter_context(_replaced(model.tex_height[sides], image.shape[0]))
        stack.enter_context(_replaced(model.tex_width[sides], image.shape[1]))
        place = model.tex_data[start : start + image.size]
        stack.enter_context(_replaced(place, image.ravel()))
        yield


@contextlib.contextmanager
def _replaced(array: Any, values: Any) -> Generator[None]:
    before = array.copy()
    array[:] = values
    try:
        yield
    finally:
        array[:] = before
