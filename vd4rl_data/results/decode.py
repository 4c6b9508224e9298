"""JSON values → dataclasses. Differences from the schema are reported, never raised."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any, Final, cast

from vd4rl_data.results.shapes import (
    Boolean,
    Choice,
    Either,
    List,
    Mapping,
    Null,
    Number,
    Object,
    Shape,
    String,
    object_shape,
)
from vd4rl_data.results.text import show

_INVALID: Final = object()
_MOST_PROBLEMS: Final = 50

JSON_TYPES: Final[dict[type[Any], str]] = {
    dict: "an object",
    list: "a list",
    str: "a string",
    bool: "a boolean",
    int: "a number",
    float: "a number",
    type(None): "null",
}
_EXPECTED: Final[dict[type[Any], str]] = {
    String: "a string",
    Choice: "a string",
    Boolean: "a boolean",
    Null: "null",
    List: "a list",
    Mapping: "an object",
    Object: "an object",
}


class Problems(list[str]):
    """Findings, at most fifty."""

    def add(self, path: str, text: str) -> Any:
        """Note one; returns a value that is none."""
        if len(self) < _MOST_PROBLEMS:
            self.append(f"{path or 'the file'}: {text}")
        elif len(self) == _MOST_PROBLEMS:
            self.append("and more")
        return _INVALID


def decode(dataclass_type: type[Any], value: Any, problems: Problems) -> Any:
    """Make a dataclass of a JSON value.

    Args:
        dataclass_type: of :mod:`vd4rl_data.results.model`.
        value: as :mod:`json` reads it.
        problems: gets every finding.

    Returns:
        The instance, or ``None`` if there is any problem.
    """
    decoded = _decode(object_shape(dataclass_type), value, "", problems)
    return None if problems else decoded


def _decode(shape: Shape, value: Any, path: str, problems: Problems) -> Any:
    flexible = isinstance(shape, Either | Number)
    if not flexible and not _has_type(shape, value):
        expected = _EXPECTED[type(shape)]
        return problems.add(path, f"expected {expected}, got {_kind(value)}")
    decoder = _DECODERS.get(type(shape))
    return decoder(shape, value, path, problems) if decoder else value


def _kind(value: Any) -> str:
    return JSON_TYPES.get(cast("type[Any]", type(value)), type(value).__name__)


def _has_type(shape: Shape, value: Any) -> bool:
    if isinstance(shape, Number):
        whole = isinstance(value, int) and not isinstance(value, bool)
        return whole or (isinstance(value, float) and not shape.integer)
    return _kind(value) == _EXPECTED[type(shape)]


def _decode_either(shape: Either, value: Any, path: str, problems: Problems) -> Any:
    fitting = [choice for choice in shape.shapes if _has_type(choice, value)]
    if fitting:
        return _decode(fitting[0], value, path, problems)
    # A whole number written as 3.0, or what is of no fitting type at all: one shape will tell.
    return _decode(shape.shapes[0], value, path, problems)


def _decode_number(shape: Number, value: Any, path: str, problems: Problems) -> Any:
    kind = "a whole number" if shape.integer else "a number"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return problems.add(path, f"expected {kind}, got {_kind(value)}")
    low, high = shape.range.min, shape.range.max
    if not math.isfinite(value) or not low <= value <= high:
        return problems.add(path, f"expected {kind} from {low:g} to {high:g}, got {show(value)}")
    if shape.integer and value != int(value):
        return problems.add(path, f"expected {kind}, got {show(value)}")
    return int(value) if shape.integer else float(value)


def _decode_string(shape: String, value: str, path: str, problems: Problems) -> Any:
    text = shape.text
    if not text.min <= len(value) <= text.max:
        return problems.add(path, f"expected {text.min} to {text.max} characters, got {len(value)}")
    if re.search(text.pattern, value) is None:
        return problems.add(path, f"expected {text.hint}, got {show(value)}")
    return value


def _decode_choice(shape: Choice, value: str, path: str, problems: Problems) -> Any:
    if value in shape.values:
        return value
    wanted = ", ".join(shape.values)
    return problems.add(path, f"expected one of {wanted}; got {show(value)}")


def _counted(number: int, low: int, high: int, path: str, problems: Problems) -> bool:
    if not low <= number <= high:
        problems.add(path, f"expected {low} to {high} items, got {number}")
        return False
    return True


def _decode_list(shape: List, value: list[Any], path: str, problems: Problems) -> Any:
    if not _counted(len(value), shape.count.min, shape.count.max, path, problems):
        return _INVALID
    return tuple(
        _decode(shape.item, item, f"{path}[{i}]", problems) for i, item in enumerate(value)
    )


def _decode_mapping(shape: Mapping, value: dict[str, Any], path: str, problems: Problems) -> Any:
    if not _counted(len(value), shape.count.min, shape.count.max, path, problems):
        return _INVALID
    decoded: dict[str, Any] = {}
    for name, item in value.items():
        _decode_string(String(shape.name), name, f"{path}: a name", problems)
        decoded[name] = _decode(shape.value, item, f"{path}.{show(name)}", problems)
    return decoded


def _decode_object(shape: Object, value: dict[str, Any], path: str, problems: Problems) -> Any:
    prefix = f"{path}." if path else ""
    for name in value:
        if name not in shape.fields:
            problems.add(path, f"there is no field {show(name)}")
    decoded: dict[str, Any] = {}
    for name, field in shape.fields.items():
        if name in value:
            decoded[name] = _decode(field.shape, value[name], prefix + name, problems)
        elif field.required:
            problems.add(path, f"the field {name!r} is missing")
        else:
            decoded |= field.absent
    return _INVALID if problems else shape.type(**decoded)


_DECODERS: Final[dict[type[Any], Callable[[Any, Any, str, Problems], Any]]] = {
    Either: _decode_either,
    Number: _decode_number,
    String: _decode_string,
    Choice: _decode_choice,
    List: _decode_list,
    Mapping: _decode_mapping,
    Object: _decode_object,
}
