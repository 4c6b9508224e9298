"""Functions that take a record, or the record's own arguments in its place."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable
from typing import Any, ParamSpec, Protocol, TypeVar, cast, overload, runtime_checkable

_Fields = ParamSpec("_Fields")
_Record = TypeVar("_Record")
_Given_contra = TypeVar("_Given_contra", contravariant=True)
_Data = TypeVar("_Data")
_Source_contra = TypeVar("_Source_contra", contravariant=True)
_Result = TypeVar("_Result")
_Made_co = TypeVar("_Made_co", covariant=True)


@runtime_checkable
class _Method(Protocol[_Fields, _Given_contra, _Made_co]):  # pyright: ignore[reportInvalidTypeVarUse]
    @overload
    def __call__(self, query: _Given_contra, /) -> _Made_co: ...
    @overload
    def __call__(self, *args: _Fields.args, **fields: _Fields.kwargs) -> _Made_co: ...


@runtime_checkable
class _MethodOfData(  # pyright: ignore[reportInvalidTypeVarUse]
    Protocol[_Source_contra, _Fields, _Given_contra, _Made_co]
):
    @overload
    def __call__(self, data: _Source_contra, query: _Given_contra, /) -> _Made_co: ...
    @overload
    def __call__(
        self, data: _Source_contra, /, *args: _Fields.args, **fields: _Fields.kwargs
    ) -> _Made_co: ...


@runtime_checkable
class _Bound(Protocol[_Fields, _Given_contra, _Made_co]):
    def __get__(
        self, instance: Any, owner: Any = None, /
    ) -> _Method[_Fields, _Given_contra, _Made_co]: ...


@runtime_checkable
class _BoundOfData(Protocol[_Source_contra, _Fields, _Given_contra, _Made_co]):
    def __get__(
        self, instance: Any, owner: Any = None, /
    ) -> _MethodOfData[_Source_contra, _Fields, _Given_contra, _Made_co]: ...


def takes(
    record: Callable[_Fields, _Record],
) -> Callable[[Callable[[Any, _Record], _Result]], _Bound[_Fields, _Record, _Result]]:
    """Let a method that takes a record be called with the record's own arguments instead.

    ``f(query)`` and ``f(64, frame_stack=3)`` then mean the same, and checkers of types, editors and
    ``help`` know the names, types and defaults that stand in the record alone.

    Args:
        record: the class of the method's last parameter.
    """
    return cast("Any", functools.partial(_taking, record, 1))


def takes_with_data(
    record: Callable[_Fields, _Record],
) -> Callable[
    [Callable[[Any, _Data, _Record], _Result]], _BoundOfData[_Data, _Fields, _Record, _Result]
]:
    """:func:`takes` for a method with a parameter before the record."""
    return cast("Any", functools.partial(_taking, record, 2))


def _taking(record: Any, leading: int, function: Callable[..., Any]) -> Callable[..., Any]:
    own = list(inspect.signature(function).parameters.values())[:leading]

    @functools.wraps(function)
    def call(*args: Any, **fields: Any) -> Any:
        before, given = list(args[:leading]), args[leading:]
        named = [item.name for item in own[len(before) :] if item.name in fields]
        before += [fields.pop(name) for name in named]
        if len(given) == 1 and not fields and isinstance(given[0], record):
            return function(*before, given[0])
        if any(map(dataclasses.is_dataclass, given)):
            raise TypeError(
                f"query: expected one {record.__name__} alone, or its arguments, got a "
                f"{type(given[0]).__name__}{' and arguments' if fields or given[1:] else ''}; "
                "dataclasses.replace(query, name=value) changes a query"
            )
        return function(*before, record(*given, **fields))

    of_record = inspect.signature(record).parameters.values()
    call.__signature__ = inspect.Signature([*own, *of_record])  # pyright: ignore
    return call
