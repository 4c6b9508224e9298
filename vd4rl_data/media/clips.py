"""Scenes that are files: a sequence of images, or a video."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from jaxtyping import UInt8
from numpy.typing import NDArray

from vd4rl_data.errors import InvalidMediaError, MissingDependencyError

_MOST: Final = 256
"""Side of the largest frames that a whole video is kept in: a few hundred take 50 MB."""


class ImagesClip:
    """Images of one size, in the order given; a frame is read when it is first shown.

    Attributes:
        length: number of images.
    """

    def __init__(self, files: Sequence[Path]) -> None:
        """Read the headers of all files.

        Raises:
            InvalidMediaError: a file is no image, or has another size than the first.
        """
        self.length = len(files)
        self._files = files
        self._frames: dict[int, NDArray[np.uint8]] = {}
        self._size = 0
        shapes: dict[tuple[int, int], Path] = {}
        for path in files:
            with _image(path) as image:
                shapes.setdefault(image.size, path)
        if len(shapes) > 1:
            found = ", ".join(
                f"{wide} x {tall} ({path.name})" for (wide, tall), path in shapes.items()
            )
            raise InvalidMediaError(
                f"{files[0].parent}: expected images of one size, got {found}; a scene is one clip"
            )

    def frame(self, number: int, size: int) -> UInt8[np.ndarray, "size size 3"]:
        """See :class:`~vd4rl_data.media.Clip`; keeps the frames of the size last asked for.

        Raises:
            InvalidMediaError: the image cannot be decoded.
        """
        if size != self._size:
            self._size, self._frames = size, {}
        if number not in self._frames:
            with _image(self._files[number]) as image:
                try:
                    self._frames[number] = squeezed(image, size)
                except (OSError, ValueError) as error:
                    raise _undecodable(self._files[number], error) from error
        return self._frames[number]


class VideoClip:
    """A video, decoded as a whole; at large sizes, frame by frame.

    Attributes:
        length: number of frames.
    """

    def __init__(self, path: Path) -> None:
        """Decode it once, to count its frames.

        Raises:
            MissingDependencyError: imageio-ffmpeg is not installed.
            InvalidMediaError: it cannot be decoded, or has no frame.
        """
        self._path = path
        self._large: dict[tuple[int, int], NDArray[np.uint8]] = {}
        self._size = 64
        self._frames = _decoded(path, self._size)
        self.length = len(self._frames)

    def frame(self, number: int, size: int) -> UInt8[np.ndarray, "size size 3"]:
        """See :class:`~vd4rl_data.media.Clip`; keeps the frames of the size last asked for."""
        if size > _MOST:
            if (number, size) not in self._large:
                self._large = {(number, size): _decoded(self._path, size, number)[0]}
            return self._large[number, size]
        if size != self._size:
            self._size, self._frames = size, _decoded(self._path, size)
        return self._frames[number]


def squeezed(image: Any, size: int) -> UInt8[np.ndarray, "size size 3"]:
    """An image as colors at a size, whatever its sides are."""
    from PIL import Image

    resized = image.convert("RGB").resize((size, size), Image.Resampling.BILINEAR)
    return np.asarray(resized, np.uint8)


def _image(path: Path) -> Any:
    from PIL import Image

    try:
        return Image.open(path)
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise _undecodable(path, error) from error


def _decoded(path: Path, size: int, only: int | None = None) -> list[NDArray[np.uint8]]:
    try:
        import imageio_ffmpeg
    except ImportError as error:
        raise MissingDependencyError(
            f"{path}: reading videos needs ffmpeg: `pip install 'vd4rl-data[video]'`"
        ) from error
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(path)]
    if only is not None:
        command += ["-vf", rf"select=eq(n\,{only})", "-frames:v", "1"]
    command += ["-s", f"{size}x{size}", "-sws_flags", "bilinear"]
    command += ["-pix_fmt", "rgb24", "-f", "rawvideo", "-"]
    done = subprocess.run(  # noqa: S603 - our own command, no shell
        command, stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    if done.returncode or len(done.stdout) < size * size * 3:
        raise _undecodable(path, done.stderr.decode(errors="replace").strip() or "no frame")
    return list(np.frombuffer(done.stdout, np.uint8).reshape(-1, size, size, 3))


def _undecodable(path: Path, why: object) -> InvalidMediaError:
    first = str(why).partition("\n")[0]
    return InvalidMediaError(
        f"{path}: cannot be decoded ({first}); copy the file again, or take it out of the folder"
    )
