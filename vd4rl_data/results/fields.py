"""Constraints of the fields of a result file, for its decoder and for the JSON Schema."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, TypeVar, dataclass_transform

from pydantic import (
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    StrictBool,
    ValidationError,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

LARGEST_INTEGER: Final = 2**53 - 1
"""JavaScript and every other reader of JSON still gets integers up to here right."""

UNFIT: Final = "unfit"
"""Type of the errors that say what a field takes."""

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


_Class = TypeVar("_Class", bound=type)


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(field,))
def part(cls: _Class) -> _Class:
    """Make an immutable dataclass of a class, and an object of these names alone in a file."""
    made = dataclass(frozen=True, slots=True, kw_only=True)(cls)
    made.__pydantic_config__ = ConfigDict(extra="forbid")
    return made


def _told(expected: str, inner: CoreSchema, *, whole: bool = False) -> CoreSchema:
    """A schema whose one error says in words what it takes; ``whole`` reads 3.0 as 3."""

    def check(value: Any, handler: Callable[[Any], Any]) -> Any:
        try:
            return handler(int(value) if whole and _is_whole(value) else value)
        except ValidationError:
            raise PydanticCustomError(UNFIT, "{expected}", {"expected": expected}) from None

    return core_schema.no_info_wrap_validator_function(check, inner)


def _is_whole(value: object) -> bool:
    return isinstance(value, float) and value.is_integer()


@dataclass(frozen=True, slots=True)
class Text:
    """``min`` to ``max`` characters that match ``pattern``, which ``hint`` says in words."""

    max: int
    min: int = 1
    pattern: str = _LINE
    hint: str = "visible characters on one line"

    def __get_pydantic_core_schema__(self, _source: Any, _handler: Any) -> CoreSchema:
        inner = core_schema.str_schema(
            strict=True,
            min_length=self.min,
            max_length=self.max,
            pattern=self.pattern,
            regex_engine="python-re",
        )
        return _told(f"a string of {self.min} to {self.max} characters, {self.hint}", inner)


@dataclass(frozen=True, slots=True)
class Range:
    """A number from ``min`` to ``max``, both included."""

    min: int | float
    max: int | float

    def __get_pydantic_core_schema__(self, source: Any, _handler: Any) -> CoreSchema:
        bounds = f"from {self.min:g} to {self.max:g}"
        if source is int:
            low, high = int(self.min), int(self.max)
            inner = core_schema.int_schema(strict=True, ge=low, le=high)
            return _told(f"a whole number {bounds}", inner, whole=True)
        inner = core_schema.float_schema(strict=True, ge=self.min, le=self.max, allow_inf_nan=False)
        return _told(f"a number {bounds}", inner)


@dataclass(frozen=True, slots=True)
class Count:
    """A list, or an object, of ``min`` to ``max`` items.

    Only the first wrong item of a list is told: a file of a million wrong ones must cost no
    memory to refuse.
    """

    max: int
    min: int = 0

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        inner: Any = handler(source)
        if inner["type"] == "tuple":
            inner["fail_fast"] = True
        return core_schema.no_info_before_validator_function(self._counted, inner)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        made = handler(schema)
        noun = "Items" if made["type"] == "array" else "Properties"
        return {**made, f"min{noun}": self.min, f"max{noun}": self.max}

    def _counted(self, value: Any) -> Any:
        if isinstance(value, list | tuple | dict) and not self.min <= len(value) <= self.max:
            expected = f"{self.min} to {self.max} items"
            raise PydanticCustomError(UNFIT, "{expected}", {"expected": expected})
        return value


@dataclass(frozen=True, slots=True)
class Expected:
    """Says in words what is right, in the place of an error for each type of a union."""

    words: str

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return _told(self.words, handler(source))


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
Media = Annotated[dict[Name, Sha256], Count(16)]
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

_Whole = Annotated[int, Field(strict=True, ge=-LARGEST_INTEGER, le=LARGEST_INTEGER)]
_Broken = Annotated[
    float, Field(strict=True, ge=-LARGEST_INTEGER, le=LARGEST_INTEGER, allow_inf_nan=False)
]
Setting = Annotated[str, Text(500, 0)] | _Whole | _Broken | StrictBool | None
"""One value of a hyperparameter: 1 and 1.0 are two."""
Settings = Annotated[
    Setting | Annotated[tuple[Setting, ...], Count(64)],
    Expected(
        f"a string of up to 500 visible characters on one line, a number up to {LARGEST_INTEGER:g},"
        " true, false, null, or a list of up to 64 of these"
    ),
]
