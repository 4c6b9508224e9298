"""Python values → what JSON can hold: numpy's numbers are as good as Python's.

Whether a field may hold a value is not asked here: the decoder of result files checks that, for
files and callers alike.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import os
from collections.abc import Mapping
from typing import Any, Final, cast

from vd4rl_data.errors import InvalidResultError
from vd4rl_data.results.decode import show

_ALWAYS: Final = ("schema", "schema_version", "version")  # written though they have a default
_SIMPLE: Final = (bool, int, float, str, type(None))


def plain(value: Any, where: str = "") -> Any:
    """Convert a value to objects, lists, texts, numbers, booleans and ``None``, without loss.

    Dataclasses become objects without the optional fields that have their default; scalars and
    arrays of numpy, torch and JAX become numbers and lists, paths and dates become text.

    Args:
        value: to be converted.
        where: names it in messages.

    Raises:
        InvalidResultError: something in it has no such form; the message says where.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: plain(getattr(value, field.name), _inner(where, field.name))
            for field in dataclasses.fields(value)
            if field.name in _ALWAYS or not _is_default(field, value)
        }
    if isinstance(value, Mapping):
        items = cast("Mapping[Any, Any]", value).items()
        return {_name(key, where): plain(item, _inner(where, str(key))) for key, item in items}
    if isinstance(value, list | tuple):
        listed = cast("list[Any]", value)
        return [plain(item, f"{where}[{i}]") for i, item in enumerate(listed)]
    return _scalar(value, where)


def shown(value: object) -> str:
    """A value, cut short, and its type."""
    return f"{show(value)} (a {type(value).__name__})"


def _scalar(value: Any, where: str) -> Any:
    if type(value) in _SIMPLE:
        return value
    if hasattr(value, "tolist") and not isinstance(value, type):  # a scalar or an array
        converted = value.tolist()
        if type(converted) is not type(value):
            return plain(converted, where)
    if isinstance(value, os.PathLike):
        return os.fspath(cast("os.PathLike[str]", value))
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        return value.isoformat()
    if isinstance(value, str):  # of a class of the user's own, such as an enumeration of texts
        return str.__str__(value)
    for kind in (int, float):
        if isinstance(value, kind):
            return kind(value)
    expected = "text, numbers, booleans, None, or lists and mappings of these"
    raise InvalidResultError("the result", (f"{where}: expected {expected}, got {shown(value)}",))


def _name(key: object, where: str) -> str:
    if not isinstance(key, str):
        problem = f"{where}: expected names as text, got {shown(key)}"
        raise InvalidResultError("the result", (problem,))
    return str.__str__(key)


def _inner(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name


def _is_default(field: dataclasses.Field[Any], owner: Any) -> bool:
    value = getattr(owner, field.name)
    if field.default is not dataclasses.MISSING:
        return type(value) is type(field.default) and bool(value == field.default)
    return field.default_factory is not dataclasses.MISSING and value == field.default_factory()
