"""Sets that this package draws: the same bytes on every machine, and nothing to download."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np

from vd4rl_data.media.protocol import HELD_OUT, TRAIN, Clip, check_split
from vd4rl_data.seeding import Purpose, generator

_KEPT: Final = 8
"""Scenes that a process keeps; painting one takes 0.1 to 0.2 s."""


@dataclass(frozen=True, slots=True)
class GeneratedMedia:
    """Scenes of one kind, numbered; the held-out ones follow those of training.

    Attributes:
        name: the set's name.
        draw: paints a scene with a generator.
        train, held_out: number of scenes.
        sha256: what :func:`drawn_sha256` returns; a test compares.
    """

    name: str
    draw: Callable[[np.random.Generator], Clip]
    train: int
    held_out: int
    sha256: str

    def content_sha256(self) -> str:
        """See :class:`~vd4rl_data.media.MediaSet`; it is known, not computed."""
        return self.sha256

    def scenes(self, split: str) -> tuple[str, ...]:
        """See :class:`~vd4rl_data.media.MediaSet`."""
        check_split(split)
        first = 0 if split == TRAIN else self.train
        count = self.train if split == TRAIN else self.held_out
        return tuple(str(number) for number in range(first, first + count))

    def clip(self, scene: str) -> Clip:
        """See :class:`~vd4rl_data.media.MediaSet`."""
        return _painted(self, int(scene))


@lru_cache(maxsize=_KEPT)
def _painted(media: GeneratedMedia, scene: int) -> Clip:
    return media.draw(generator(Purpose.MEDIA_SCENE, media.name, scene))


def drawn_sha256(media: GeneratedMedia) -> str:
    """A hash of two frames, at 64 px, of the first and the last scene of each split."""
    digest = hashlib.sha256()
    for split in (TRAIN, HELD_OUT):
        scenes = media.scenes(split)
        for scene in (scenes[0], scenes[-1]):
            clip = media.clip(scene)
            for number in (0, clip.length // 2):
                digest.update(clip.frame(number, 64).tobytes())
    return digest.hexdigest()
