"""Backgrounds in two techniques: another sky in the model, or another picture behind the robot.

Both are functions of seed and step; see :mod:`vd4rl_data.media` for what they show.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from jaxtyping import Bool, UInt8
from numpy.typing import NDArray

from vd4rl_data.ids import LEVELS
from vd4rl_data.media import TRAIN, Clip, MediaSet, find_media
from vd4rl_data.seeding import look_generator
from vd4rl_data.simulators.gl import load_mujoco
from vd4rl_data.spec import Look

Frame = UInt8[np.ndarray, "H W 3"]

SCENES: Final[Mapping[str, int | None]] = dict(zip(LEVELS, (4, 8, None), strict=True))
"""Level → how many scenes there are to choose from: the first ones; ``None``: all."""

STILL_SIDE: Final = 800
"""Side of a still sky, in pixels, as in the papers; it is uploaded once."""

_STEP: Final = 64
_FLOORS: Final = {"planar walker": 1.0, "cheetah": 1.0}
_FLOOR: Final = 0.3
"""How opaque the floor is before a sky of the Distracting Control Suite; by name of the model."""

_FLOOR_MATERIAL: Final = "grid"


@dataclass(frozen=True, slots=True)
class Scenes:
    """What there is to choose from.

    Attributes:
        media: the set.
        names: the scenes.
    """

    media: MediaSet
    names: tuple[str, ...]

    @classmethod
    def of(cls, look: Look, most: int | None = None) -> Scenes:
        """The first ``most`` scenes of a look's media: settings ``split`` and ``sha256``.

        Raises:
            UnknownMediaError, MediaNotFoundError, OtherMediaError: see :func:`find_media`.
            ValueError: there is no such split.
        """
        media = find_media(look.media, look.settings.get("sha256"))
        return cls(media, media.scenes(look.settings.get("split", TRAIN))[:most])


class Sky:
    """The technique of the Distracting Control Suite: a scene on the sky of the model.

    A moving scene begins anywhere and runs to and fro. A still one is its first frame, as in
    V-D4RL. Moving ones are as sharp as the frame needs, not 800 pixels wide: uploading those for
    every frame would take longer than drawing it.
    """

    def __init__(self, scenes: Scenes, model: Any, *, dynamic: bool) -> None:
        """Args:
            scenes: what to choose from.
            model: ``mujoco.MjModel``.
            dynamic: whether it moves.

        Raises:
            ValueError: the model has no sky.
        """
        sky = load_mujoco().mjtTexture.mjTEXTURE_SKYBOX.value
        found = np.flatnonzero(np.asarray(model.tex_type) == sky)
        if not len(found):
            raise ValueError("look: background: the model has no sky that could be replaced")
        self._texture = int(found[0])
        self._side = int(model.tex_width[self._texture])
        self._scenes, self._dynamic = scenes, dynamic
        self._seed: int | None = None
        self._shown: tuple[int, int] = (-1, -1)
        self._image: Frame
        self._clip: Clip
        self._start = 0

    def images(self, seed: int, step: int, size: int) -> dict[int, NDArray[np.uint8]]:
        """The sky at a step, for a frame of ``size`` pixels; the same array while it is still."""
        if seed != self._seed:
            self._seed, self._shown = seed, (-1, -1)
            random = look_generator(seed)
            names = self._scenes.names
            self._clip = self._scenes.media.clip(names[random.choice(len(names))])
            if self._dynamic:
                self._start = _place(random, self._clip.length)
        number = to_and_fro(self._start + step, self._clip.length) if self._dynamic else 0
        wanted = -(-2 * size // _STEP) * _STEP if self._dynamic else STILL_SIDE
        key = number, min(wanted, self._side)
        if key != self._shown:
            self._shown, self._image = key, self._clip.frame(*key)
        return {self._texture: self._image}


def _place(random: np.random.RandomState, length: int) -> int:
    """Where a scene begins: a frame, and a direction, as one number for :func:`to_and_fro`."""
    frame = int(random.choice(length))
    return frame if random.choice([-1, 1]) > 0 else 2 * length - 1 - frame


def to_and_fro(step: int, length: int) -> int:
    """The frame at a step of a clip that runs forward, then backward, and so on."""
    place = step % (2 * length - 1)
    return place if place < length else 2 * length - 1 - place


def floor_alpha(model: Any) -> tuple[int, float] | None:
    """Number of the floor's material, and how opaque it is before another sky; ``None``: no such
    material.
    """
    mujoco = load_mujoco()
    kind = mujoco.mjtObj.mjOBJ_MATERIAL.value
    number = mujoco.mj_name2id(model, kind, _FLOOR_MATERIAL)
    if number < 0:
        return None
    name = bytes(model.names).partition(b"\0")[0].decode()
    return number, _FLOORS.get(name, _FLOOR)


def bluish(frame: Frame) -> Bool[np.ndarray, "H W"]:
    """Where LQV-D4RL shows its videos: blue is the strongest color."""
    blue = frame[..., 2]
    return (blue > frame[..., 1]) & (blue > frame[..., 0])


def greenish(frame: Frame) -> Bool[np.ndarray, "H W"]:
    """Our rule for pictures with grass around the robot: green is the strongest color."""
    green = frame[..., 1]
    return (green > frame[..., 2]) & (green > frame[..., 0])


RULES: Final = {"blue": bluish, "green": greenish}
"""Name of a rule → where a frame shows the background."""


def composited(frame: Frame, background: Frame, where: Bool[np.ndarray, "H W"]) -> Frame:
    """The frame with another picture where it shows the background; a new array."""
    changed = frame.copy()
    np.copyto(changed, background, where=where[..., None])
    return changed


def grayed(frame: Frame) -> Frame:
    """Brightness in all channels, in whole numbers: (77 red + 150 green + 29 blue) / 256."""
    red, green, blue = np.moveaxis(frame.astype(np.uint16), -1, 0)
    gray = (red * 77 + green * 150 + blue * 29) >> 8  # at most 65,280
    return np.repeat(gray.astype(np.uint8)[..., None], 3, axis=-1)
