"""Checks of common arguments of public functions; the messages name the argument."""

from __future__ import annotations

import math
import operator
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, cast

from vd4rl_data.errors import InvalidArgumentError, OutputExistsError

_SHOWN: Final = 60  # characters of a wrong value in a message


def shown(value: object) -> str:
    """A wrong value, cut short, and its type, for messages."""
    text = ascii(value)
    cut = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
    return f"{cut} (a {type(value).__name__})"


def check_type(name: str, value: object, expected: type[Any]) -> None:
    """Refuse a value of another type.

    Args:
        name: name of the argument, for the message.
        value: the given value.
        expected: what it must be an instance of.

    Raises:
        InvalidArgumentError: it is not one.
    """
    if not isinstance(value, expected):
        what = expected.__name__
        raise InvalidArgumentError(f"{name}: expected {what}, got {shown(value)}")


def checked_path(name: str, value: object) -> Path:
    """Check a path.

    Args:
        name: name of the argument, for the message.
        value: the given value: text or a path object.

    Raises:
        InvalidArgumentError: it is something else.
    """
    if not isinstance(value, (str, os.PathLike)):
        raise InvalidArgumentError(f"{name}: expected a path, got {shown(value)}")
    return Path(cast("str | os.PathLike[str]", value))


def check_absent(paths: Iterable[Path], *, replace: bool) -> None:
    """Refuse to replace a file unless asked to; every writer calls this before it starts.

    Raises:
        OutputExistsError: one of the paths exists, and ``replace`` is false.
    """
    present = None if replace else next((path for path in paths if os.path.lexists(path)), None)
    if present is not None:
        raise OutputExistsError(
            f"{present} already exists; remove it, write elsewhere, or pass replace=True"
        )


def checked_count(name: str, value: Any, least: int = 1) -> int:
    """Check an integer, Python's or numpy's, and return it as a Python int.

    Args:
        name: name of the argument, for the message.
        value: the given value.
        least: the smallest allowed value.

    Raises:
        InvalidArgumentError: it is not an integer (floats with an integer value and booleans do
            not count), or smaller than ``least``.
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
        InvalidArgumentError: it is not a number, lies outside [0, 1], or is 0 and ``zero`` is
            false.
    """
    interval = "[0, 1]" if zero else "(0, 1]"
    try:
        if isinstance(value, (str, bytes)) or getattr(value, "ndim", 0):
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
