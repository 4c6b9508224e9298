"""The pictures of a dataset: lossless, drawn once for the same content."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from vd4rl_data.dataset import Dataset
from vd4rl_data.episode import Episode
from vd4rl_data.preview.choice import median_episode, spread_by_return
from vd4rl_data.preview.sheet import spread_steps

FRAMES_PER_SECOND: Final = 20
COLUMNS: Final = 8
"""Frames of an episode on the contact sheet."""

_ROWS: Final = 5
_FILM_FRAMES: Final = 100
_FILM_COLUMNS: Final = 10


@dataclass(frozen=True, slots=True)
class Film:
    """The beginning of an episode, its frames in the rows of one picture.

    Attributes:
        path: of the picture, in the site's folder of datasets.
        first: of its first frame, likewise.
        number: of the episode.
        columns, frames: in a row, and altogether.
        returns: the return so far at each frame.
    """

    path: str
    first: str
    number: int
    columns: int
    frames: int
    returns: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Strip:
    """Evenly spread frames of an episode beside one another.

    Attributes:
        path: of the picture, in the site's folder of datasets.
        number: of the episode.
        episode_return, length: of the whole episode.
        terminated: whether the task ended it.
        steps: the time step of each frame.
    """

    path: str
    number: int
    episode_return: float
    length: int
    terminated: bool
    steps: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Pictures:
    """What there is to see of a dataset."""

    film: Film
    strips: tuple[Strip, ...]


def draw_pictures(dataset: Dataset, folder: Path) -> Pictures:
    """Write the pictures of a dataset; those of the same content are kept as they are.

    Args:
        dataset: with pixels.
        folder: the site's folder of datasets.
    """
    hashes = "".join(manifest.content_sha256 for manifest in dataset.manifests)
    stem = f"pictures/{dataset.id}-{hashlib.sha256(hashes.encode()).hexdigest()[:12]}"
    (folder / stem).parent.mkdir(parents=True, exist_ok=True)
    film = _film(dataset, folder, stem)
    numbers = spread_by_return(dataset.returns, _ROWS)
    strips = tuple(
        _strip(number, dataset[number], folder, f"{stem}.{place}.webp")
        for place, number in enumerate(numbers)
    )
    return Pictures(film, strips)


def _film(dataset: Dataset, folder: Path, stem: str) -> Film:
    number = median_episode(dataset.returns)
    episode = dataset[number]
    frames = episode.observations[:_FILM_FRAMES]
    columns = min(_FILM_COLUMNS, len(frames))
    so_far = np.concatenate([[0.0], np.cumsum(episode.rewards, dtype=np.float64)])[: len(frames)]
    film, first = f"{stem}.film.webp", f"{stem}.first.webp"
    _save(frames, columns, folder / film)
    _save(frames[:1], 1, folder / first)
    returns = tuple(round(float(value), 2) for value in so_far)
    return Film(film, first, number, columns, len(frames), returns)


def _strip(number: int, episode: Episode, folder: Path, name: str) -> Strip:
    steps = spread_steps(episode, COLUMNS)
    _save(episode.observations[steps], COLUMNS, folder / name)
    return Strip(
        name,
        number,
        episode.episode_return,
        len(episode),
        bool(episode.terminated),
        tuple(steps.tolist()),
    )


def _save(frames: UInt8[np.ndarray, "T H W 3"], columns: int, path: Path) -> None:
    """Frames in rows; places without a frame are black."""
    if path.exists():
        return
    count, height, width = frames.shape[:3]
    rows = -(-count // columns)
    places = np.zeros((rows * columns, height, width, 3), np.uint8)
    places[:count] = frames
    grid = places.reshape(rows, columns, height, width, 3).swapaxes(1, 2)
    picture = Image.fromarray(grid.reshape(rows * height, columns * width, 3))
    unfinished = path.with_suffix(".part")  # so that only whole pictures are kept after a kill
    picture.save(unfinished, format="WEBP", lossless=True, quality=10, method=0)
    unfinished.replace(path)
