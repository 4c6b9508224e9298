"""One episode as an animation."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
from PIL import Image, ImageDraw

from vd4rl_data.arguments import check_absent
from vd4rl_data.episode import Episode
from vd4rl_data.errors import MissingDependencyError
from vd4rl_data.preview.typography import BAR, INK, RULE, enlarged, font
from vd4rl_data.storage.atomic import atomic_path

SUFFIXES: Final = (".gif", ".mp4")

_LEAST_WIDTH: Final = 256
_CAPTION_HEIGHT: Final = 34
_PALETTE_FRAMES: Final = 16
_LEAST_DELAY: Final = 20
"""Minimum of milliseconds between two frames of a GIF; viewers slow down faster ones."""


def animate(episode: Episode, path: Path, *, fps: int = 20, replace: bool = False) -> None:
    """Write an episode as an animation, one picture per observation, above a caption line.

    Args:
        episode: what to show.
        path: ends in ``.gif`` (Pillow; loops, 256 colors) or ``.mp4`` (needs ffmpeg; lossy).
        fps: frames per second.
        replace: replace an existing file.

    Raises:
        ValueError: another suffix, or a frame rate that is not positive.
        OutputExistsError: the file exists, and ``replace`` is false.
        MissingDependencyError: MP4 without ffmpeg; the message names the extra to install.
    """
    if path.suffix not in SUFFIXES or fps < 1:
        raise ValueError(
            f"animate: expected a path ending in {' or '.join(SUFFIXES)} and 1 or more frames per "
            f"second, got {path} and {fps}"
        )
    check_absent([path], replace=replace)
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = _write_gif if path.suffix == ".gif" else _write_mp4
    with atomic_path(path) as temporary:
        writer(episode, temporary, fps)


def _pictures(episode: Episode) -> Iterator[Image.Image]:
    """Each observation, enlarged, above a line with the time step and the return so far."""
    height, width = episode.observations.shape[1:3]
    factor = -(-_LEAST_WIDTH // width)
    height, width = height * factor, width * factor
    so_far = np.concatenate([[0.0], np.cumsum(episode.rewards, dtype=np.float64)])
    # Video codecs want even sides.
    canvas = Image.new("RGB", (width + width % 2, height + _CAPTION_HEIGHT + height % 2), INK)
    draw = ImageDraw.Draw(canvas)
    middle = height + 2 + _CAPTION_HEIGHT / 2
    for step, frame in enumerate(episode.observations):
        canvas.paste(enlarged(frame, factor), (0, 0))
        draw.rectangle((0, height, *canvas.size), INK)
        draw.rectangle((0, height, round(canvas.width * step / len(episode)), height + 2), BAR)
        draw.text((10, middle), f"t = {step}", RULE, font(15), anchor="lm")
        text = f"return {so_far[step]:.1f}"
        draw.text((canvas.width - 10, middle), text, RULE, font(15), anchor="rm")
        yield canvas.copy()


def _write_gif(episode: Episode, path: Path, fps: int) -> None:
    """One palette for the whole episode: nothing flickers, still pixels are not stored again."""
    pictures = list(_pictures(episode))
    samples = pictures[:: max(1, len(pictures) // _PALETTE_FRAMES)]
    width, height = samples[0].size
    montage = Image.new("RGB", (width, height * len(samples)))
    for number, sample in enumerate(samples):
        montage.paste(sample, (0, number * height))
    palette = montage.quantize(256)
    frames = [p.quantize(palette=palette, dither=Image.Dither.NONE) for p in pictures]
    frames[0].save(
        path,
        format="GIF",
        save_all=True,
        append_images=frames[1:],
        duration=max(_LEAST_DELAY, round(100 / fps) * 10),  # GIF counts in hundredths of a second
        loop=0,
    )


def _write_mp4(episode: Episode, path: Path, fps: int) -> None:
    try:
        import imageio_ffmpeg
    except ImportError as error:
        raise MissingDependencyError(
            'MP4 needs ffmpeg: pip install "vd4rl-data[video]" (GIF needs no further package)'
        ) from error
    ffmpeg: Any = imageio_ffmpeg
    pictures = _pictures(episode)
    first = next(pictures)
    # The temporary name tells ffmpeg nothing, so the container is named.
    writer = ffmpeg.write_frames(
        str(path), first.size, fps=fps, quality=8, macro_block_size=2, output_params=["-f", "mp4"]
    )
    writer.send(None)
    writer.send(first.tobytes())
    for picture in pictures:
        writer.send(picture.tobytes())
    writer.close()
