"""Strict JSON: whatever two readers could read differently is refused; files are from strangers."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from typing import Any, Final

MAX_BYTES: Final = 4 << 20
"""Size limit of a result file."""

MAX_DEPTH: Final = 12
_MOST_NAMES: Final = 1000  # of one object, five times as many as any has
_SHOWN: Final = 60  # characters of a wrong value in a message
_LONGEST_NUMBER: Final = 40  # digits; seventeen are enough for any float64
# Strings, also unfinished ones, are swallowed without backtracking: linear in any input.
_TOKENS: Final = re.compile(r'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)|[\[\]{}]', re.DOTALL)


class StrictJsonError(ValueError):
    """The bytes are not JSON that all readers agree on."""


def show(value: Any) -> str:
    """A short, printable form of any value."""
    text = ascii(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def parse_json(data: bytes) -> Any:
    """Parse UTF-8 JSON.

    Raises:
        StrictJsonError: too large, too deep, not UTF-8, not JSON, an object of over a thousand
            names or with a name that stands twice, NaN or an infinity, a number of too many digits.
    """
    if len(data) > MAX_BYTES:
        raise StrictJsonError(f"expected at most {MAX_BYTES:,} bytes, got {len(data):,}")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise StrictJsonError(f"byte {error.start} is not UTF-8") from None
    _check_depth(text)
    try:
        return json.loads(
            text,
            object_pairs_hook=_object,
            parse_constant=_no_constant,
            parse_int=_integer,
            parse_float=_float,
        )
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise StrictJsonError(f"not JSON: {error.msg} at {where}") from None


def _check_depth(text: str) -> None:
    depth = 0
    for match in _TOKENS.finditer(text):
        mark = match.group()
        depth += (mark in "[{") - (mark in "]}")
        if depth > MAX_DEPTH:
            raise StrictJsonError(
                f"nested deeper than {MAX_DEPTH} levels at character {match.start()}"
            )


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(pairs) > _MOST_NAMES:
        raise StrictJsonError(f"an object of {len(pairs)} names, expected at most {_MOST_NAMES}")
    value = dict(pairs)
    if len(value) != len(pairs):
        twice = Counter(name for name, _ in pairs).most_common(1)[0][0]
        raise StrictJsonError(f"the name {show(twice)} appears twice in one object")
    return value


def _no_constant(name: str) -> float:
    raise StrictJsonError(f"{name} is not a number of JSON")


def _integer(digits: str) -> int:
    if len(digits) > _LONGEST_NUMBER:
        raise StrictJsonError(f"a number of {len(digits)} digits")
    return int(digits)


def _float(digits: str) -> float:
    value = float(digits)
    if len(digits) > _LONGEST_NUMBER or not math.isfinite(value):
        raise StrictJsonError(f"the number {show(digits)} does not fit into a float64")
    return value
