"""Frames → PNG files in memory, on all cores, in order."""

from __future__ import annotations

import io
import os
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Protocol

import numpy as np
from jaxtyping import UInt8


class Encode(Protocol):
    """Encodes the frames of an episode, uint8 (T + 1, H, W, 3), one PNG file each."""

    def __call__(self, frames: UInt8[np.ndarray, "T1 H W 3"]) -> list[bytes]:
        """The files."""
        ...


@contextmanager
def png_encoder() -> Generator[Encode]:
    """An encoder of frames, with as many threads as this process may use cores."""
    with ThreadPoolExecutor(_cores()) as pool:

        def encode(frames: UInt8[np.ndarray, "T1 H W 3"]) -> list[bytes]:
            return list(pool.map(encoded, frames))

        yield encode


def encoded(frame: Any) -> bytes:
    """One frame, uint8 (H, W, 3), as a PNG file without loss."""
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(frame).save(file, format="PNG")
    return file.getvalue()


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
