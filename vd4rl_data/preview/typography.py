"""Colors, fonts and number formats, shared by all pictures."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageFont

Color = tuple[int, int, int]

PAPER: Final[Color] = (255, 255, 255)
INK: Final[Color] = (31, 35, 40)
MUTED: Final[Color] = (99, 108, 118)
RULE: Final[Color] = (226, 229, 233)
BAR: Final[Color] = (84, 130, 188)
BAND: Final[Color] = (253, 238, 233)
MARK: Final[Color] = (200, 55, 45)
MARGIN: Final = 36


@cache
def font(size: int) -> Any:
    """Pillow's own font, in pixels."""
    return ImageFont.load_default(size)


def text_width(text: str, size: int) -> float:
    """Width of a text, in pixels."""
    return float(font(size).getlength(text))


def number_text(value: float, decimals: int = 1) -> str:
    """A number with thousands separated and a real minus sign."""
    return f"{value:,.{decimals}f}".replace("-", "\N{MINUS SIGN}")


def enlarged(frame: UInt8[np.ndarray, "H W 3"], factor: int) -> Image.Image:
    """A frame as a picture, each pixel a square of ``factor`` x ``factor``."""
    picture = Image.fromarray(np.ascontiguousarray(frame))
    size = (picture.width * factor, picture.height * factor)
    return picture.resize(size, Image.Resampling.NEAREST)
