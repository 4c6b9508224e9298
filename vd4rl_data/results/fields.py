"""Constraints of the fields of a result file, written once and read by decoder and JSON Schema."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final

LARGEST_INTEGER: Final = 2**53 - 1
"""JavaScript and every other reader of JSON still gets integers up to here right."""

ABSENT: Final = "absent"
"""Metadata of a field: what a file means that leaves it out, where that is not the default."""

# Control characters, invisible and direction-changing ones, and halves of surrogate pairs: nothing
# that a reviewer cannot see may stand in a field.
_HIDDEN = (
    r"\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    r"\ufeff\ufff0-\uffff\ud800-\udfff"
)
END: Final = r"$(?![\s\S])"
"""The end of the text in Python's and in JavaScript's dialect, where ``$`` alone allows a newline.
"""
_LINE = rf"^[^{_HIDDEN}]*{END}"
_PROSE = rf"^(?:[^{_HIDDEN}]|\n)*{END}"


@dataclass(frozen=True, slots=True)
class Text:
    """``min`` to ``max`` characters that match ``pattern``, which ``hint`` says in words."""

    max: int
    min: int = 1
    pattern: str = _LINE
    hint: str = "visible characters on one line"


@dataclass(frozen=True, slots=True)
class Range:
    """A number from ``min`` to ``max``, both included."""

    min: int | float
    max: int | float


@dataclass(frozen=True, slots=True)
class Count:
    """A list, or an object, of ``min`` to ``max`` items."""

    max: int
    min: int = 0


Line = Annotated[str, Text(200)]
Name = Annotated[str, Text(80)]
Prose = Annotated[str, Text(4000, pattern=_PROSE, hint="visible characters and newlines")]
Url = Annotated[
    str,
    Text(
        500,
        pattern=rf"^https://[A-Za-z0-9.-]+(?:[/?#][!-~]*)?{END}",
        hint="an https:// address of ASCII characters",
    ),
]
Hex = Annotated[str, Text(64, 7, rf"^[0-9a-f]+{END}", "lower-case hexadecimal digits")]
Sha256 = Annotated[str, Text(64, 64, rf"^[0-9a-f]+{END}", "64 lower-case hexadecimal digits")]
Date = Annotated[
    str,
    Text(10, 10, rf"^[0-9]{{4}}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01]){END}", "YYYY-MM-DD"),
]
BenchmarkName = Annotated[
    str, Text(200, pattern=rf"^[!-~]+{END}", hint="a dataset id without its size")
]
Natural = Annotated[int, Range(0, LARGEST_INTEGER)]
Positive = Annotated[int, Range(1, LARGEST_INTEGER)]
Real = Annotated[float, Range(-1e12, 1e12)]
Fraction = Annotated[float, Range(0.0, 1.0)]
Length = Annotated[float, Range(0.0, 1e12)]
