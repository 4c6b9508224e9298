"""Parsed JSON → dataclasses. What does not fit is told in words, with its place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from vd4rl_data.results.fields import UNFIT
from vd4rl_data.results.model import RunResult
from vd4rl_data.results.text import show

RESULT: Final = TypeAdapter(RunResult)
"""What reads results and describes them as JSON Schema."""

_MOST_PROBLEMS: Final = 50
_TYPES: Final = {"dataclass_type": "an object", "dict_type": "an object", "tuple_type": "a list"}
_KEY: Final = "[key]"  # ends the place of a name in an object of free names


def decode(document: object) -> RunResult | tuple[str, ...]:
    """The result that a document says, or what in it does not fit.

    Args:
        document: as :mod:`json` reads it.

    Returns:
        The result, or at most fifty problems; of a list, the first wrong item is told.
    """
    try:
        return RESULT.validate_python(document)
    except ValidationError as error:
        problems = tuple(islice(_problems(error), _MOST_PROBLEMS))
        more = error.error_count() > _MOST_PROBLEMS
        return (*problems, "and more") if more else problems


def _problems(error: ValidationError) -> Iterator[str]:
    for found in error.errors(include_url=False):
        *above, last = found["loc"] or ("",)
        match found["type"]:
            case "missing":
                yield f"{_place(above)}: the field {last!r} is missing"
            case "unexpected_keyword_argument":
                yield f"{_place(above)}: there is no field {show(last)}"
            case _ if last == _KEY:
                yield f"{_place(above[:-1])}: a name: {_unfit(found)}"
            case _:
                yield f"{_place(found['loc'])}: {_unfit(found)}"


def _unfit(found: Any) -> str:
    kind, context, value = found["type"], found.get("ctx", {}), found["input"]
    if kind == UNFIT or "expected" in context:
        return f"expected {context['expected']}, got {_got(value)}"
    return f"expected {_TYPES[kind]}, got {_got(value)}" if kind in _TYPES else found["msg"]


def _got(value: object) -> str:
    if isinstance(value, str) and len(value) > len(show(value)):
        return f"{show(value)} of {len(value)} characters"
    if isinstance(value, dict | list):
        what = "an object" if isinstance(value, dict) else "a list"
        return f"{what} of {len(value)}"
    return show(value) if isinstance(value, str | int | float) else "null"


def _place(path: Sequence[int | str]) -> str:
    text = ""
    for step in path:
        name = show(step)
        bare = name.strip("'")  # of a field, which needs no quotes
        text += (
            f"[{step}]" if isinstance(step, int) else f".{bare if bare.isidentifier() else name}"
        )
    return text.removeprefix(".") or "the file"
