"""The dataclasses of a result as a tree of shapes, which the decoder and the JSON Schema walk."""

from __future__ import annotations

import dataclasses
import functools
import types
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, cast, get_args, get_origin, get_type_hints

from vd4rl_data.results.fields import ABSENT, Count, Range, Text


@dataclass(frozen=True, slots=True)
class String:
    """A string."""

    text: Text


@dataclass(frozen=True, slots=True)
class Number:
    """A number; ``integer`` takes whole ones only."""

    range: Range
    integer: bool


@dataclass(frozen=True, slots=True)
class Choice:
    """One of some strings."""

    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Boolean:
    """True or false."""


@dataclass(frozen=True, slots=True)
class Null:
    """Nothing."""


@dataclass(frozen=True, slots=True)
class Either:
    """One of several shapes, told apart by the JSON type."""

    shapes: tuple[Shape, ...]


@dataclass(frozen=True, slots=True)
class List:
    """A list."""

    item: Shape
    count: Count


@dataclass(frozen=True, slots=True)
class Mapping:
    """An object with free names."""

    name: Text
    value: Shape
    count: Count


@dataclass(frozen=True, slots=True)
class Field:
    """A key of an object.

    Attributes:
        shape: of its value.
        required: whether it must be there.
        absent: keywords for the dataclass that stand for a missing key; empty for its default.
    """

    shape: Shape
    required: bool
    absent: dict[str, Any] = dataclasses.field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class Object:
    """An object that becomes a dataclass."""

    type: type[Any]
    fields: dict[str, Field]


Shape = String | Number | Choice | Boolean | Null | Either | List | Mapping | Object


@functools.cache
def object_shape(dataclass_type: type[Any]) -> Object:
    """The shape of a dataclass whose annotations carry constraints."""
    hints = get_type_hints(dataclass_type, include_extras=True)
    fields = {
        field.name: Field(_shape(hints[field.name]), _required(field), _absent(field))
        for field in dataclasses.fields(dataclass_type)
    }
    return Object(dataclass_type, fields)


def _required(field: dataclasses.Field[Any]) -> bool:
    missing = dataclasses.MISSING
    return field.default is missing and field.default_factory is missing


def _absent(field: dataclasses.Field[Any]) -> dict[str, Any]:
    return {field.name: field.metadata[ABSENT]} if ABSENT in field.metadata else {}


def _shape(annotation: Any, constraint: object = None) -> Shape:
    origin = get_origin(annotation)
    if origin is Annotated:
        inner, *constraints = get_args(annotation)
        return _shape(inner, constraints[-1])
    if origin in (Union, types.UnionType):
        return Either(tuple(_shape(choice) for choice in get_args(annotation)))
    if origin is Literal:
        return Choice(get_args(annotation))
    if origin is tuple:
        return List(_shape(get_args(annotation)[0]), cast("Count", constraint))
    if origin is dict:
        name, value = get_args(annotation)
        text = cast("String", _shape(name)).text
        return Mapping(text, _shape(value), cast("Count", constraint))
    return _leaf(annotation, constraint)


def _leaf(annotation: Any, constraint: object) -> Shape:
    if annotation is bool:
        return Boolean()
    if annotation is type(None):
        return Null()
    if annotation is str:
        return String(cast("Text", constraint))
    if annotation in (int, float):
        return Number(cast("Range", constraint), integer=annotation is int)
    return object_shape(annotation)
