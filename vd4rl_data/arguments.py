"""Checks of common arguments of public functions; the messages name the argument."""

from __future__ import annotations

import math
import operator
from typing import Any

from vd4rl_data.errors import InvalidArgumentError


def checked_count(name: str, value: Any, least: int = 1) -> int:
    """Check an integer, Python's or numpy's, and return it as a Python int.

    Args:
        name: name of the argument, for the message.
        value: the given value.
        least: the smallest allowed value.

    Raises:
        TypeError: it is not an integer; floats with an integer value and booleans do not count.
        ValueError: it is smaller than ``least``.
    """
    kind = type(value).__name__
    try:
        if kind in ("bool", "bool_"):
            raise TypeError
        count = operator.index(value)
    except TypeError:
        raise InvalidArgumentError(
            f"{name}: expected an integer, got {value!r} (a {kind})"
        ) from None
    if count < least:
        raise InvalidArgumentError(f"{name}: expected at least {least}, got {count}")
    return count


def checked_fraction(name: str, value: Any, *, zero: bool) -> float:
    """Check a number up to 1 and return it as a Python float.

    Args:
        name: name of the argument, for the message.
        value: the given value.
        zero: whether 0 is allowed.

    Raises:
        TypeError: it is not a number.
        ValueError: it lies outside [0, 1], or is 0 and ``zero`` is false.
    """
    interval = "[0, 1]" if zero else "(0, 1]"
    try:
        if isinstance(value, (str, bytes)):
            raise TypeError
        number = float(value)
    except (TypeError, ValueError):
        kind = type(value).__name__
        raise InvalidArgumentError(
            f"{name}: expected a number in {interval}, got {value!r} (a {kind})"
        ) from None
    if math.isnan(number) or not 0.0 <= number <= 1.0 or (number == 0.0 and not zero):
        raise InvalidArgumentError(f"{name}: expected a number in {interval}, got {value!r}")
    return number
