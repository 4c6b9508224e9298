"""What callers give, as the plain values of a file: numpy's numbers are as good as Python's.

A value is either converted without loss or refused by the name of its argument. What a field may
hold is not asked here: the decoder of result files does that, for callers and files alike.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import os
from collections.abc import Container, Iterable, Mapping, Set
from typing import Any, Final, cast

import numpy as np

from vd4rl_data.arguments import checked_count, shown
from vd4rl_data.errors import InvalidArgumentError
from vd4rl_data.results.curves import OnlinePoint
from vd4rl_data.results.model import Data, TrainedOn
from vd4rl_data.results.text import MAX_DEPTH
from vd4rl_data.results.validate import HOW_TO_SAY_DATA

_ALWAYS: Final = ("schema", "schema_version", "version")  # written though they have a default
_PLAIN: Final = "text, numbers, booleans, None, or lists and mappings of these"
_NOT_LISTED: Final = (str, bytes, Mapping, Set)


def plain(value: Any, where: str = "", depth: int = 0) -> Any:
    """A value as :mod:`json` would read it, without loss.

    Dataclasses become objects without the optional fields that have their default; numbers and
    arrays of numpy, torch and JAX become Python's, paths and dates become text, tuples lists.

    Args:
        value: to be converted.
        where: names it in messages.
        depth: of nesting that it stands in.

    Raises:
        InvalidArgumentError: something in it has no form in JSON, or is nested too deep.
    """
    if depth > MAX_DEPTH:
        raise InvalidArgumentError(f"{where}: nested deeper than {MAX_DEPTH} levels")
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: plain(getattr(value, field.name), _inner(where, field.name), depth + 1)
            for field in dataclasses.fields(value)
            if field.name in _ALWAYS or not _is_default(field, value)
        }
    if isinstance(value, Mapping):
        items = cast("Mapping[Any, Any]", value).items()
        return {
            _name(key, where): plain(item, _inner(where, str(key)), depth + 1)
            for key, item in items
        }
    value = _scalar_or_list(value)
    if isinstance(value, list):
        listed = cast("list[Any]", value)
        return [plain(item, f"{where}[{i}]", depth + 1) for i, item in enumerate(listed)]
    if value is not None and type(value) not in (bool, int, float, str):
        raise InvalidArgumentError(f"{where}: expected {_PLAIN}, got {shown(value)}")
    return value


def given_runs(runs: object) -> dict[int, Any]:
    """Training seed → what was measured.

    Raises:
        InvalidArgumentError: it is no mapping, an empty one, or has a key that is no seed.
    """
    if not isinstance(runs, Mapping):
        hint = ""
        if isinstance(runs, Iterable) and not isinstance(runs, _NOT_LISTED):
            hint = "; dict(enumerate(runs)) is one if the training seeds were 0, 1, 2, ..."
        raise InvalidArgumentError(
            "runs: expected a mapping from training seed to evaluation or returns, e.g."
            f" {{0: evaluate(...), 1: evaluate(...)}}, got {shown(runs)}{hint}"
        )
    found = {_seed("runs", seed): run for seed, run in cast("Mapping[Any, Any]", runs).items()}
    if not found:
        raise InvalidArgumentError("runs: expected at least one training seed, got none")
    return found


def given_returns(value: object, where: str) -> list[float]:
    """Undiscounted returns of E ≥ 1 episodes, from numbers of any kind (E,).

    Raises:
        InvalidArgumentError: they are something else.
    """
    expected = "an Evaluation, a Run, or returns (E,), one number per episode"
    array = np.asarray(None)
    if isinstance(value, Iterable) and not isinstance(value, _NOT_LISTED):
        with contextlib.suppress(TypeError, ValueError, RuntimeError):  # told below
            array = np.asarray(list(cast("Iterable[Any]", value)))
    if array.dtype.kind not in "iuf":
        raise InvalidArgumentError(f"{where}: expected {expected}, got {shown(value)}")
    if array.ndim != 1 or not len(array):
        raise InvalidArgumentError(f"{where}: expected {expected}, got shape {array.shape}")
    return array.astype(np.float64).tolist()


def given_by_seed(name: str, values: object, seeds: Container[int]) -> dict[int, Any]:
    """Training seed → something about its run; empty for ``None``.

    Raises:
        InvalidArgumentError: it is no mapping, or a key is the seed of no run.
    """
    if values is None:
        return {}
    if not isinstance(values, Mapping):
        raise InvalidArgumentError(
            f"{name}: expected a mapping from training seed, got {shown(values)}"
        )
    found = {_seed(name, seed): item for seed, item in cast("Mapping[Any, Any]", values).items()}
    for seed in found:
        if seed not in seeds:
            raise InvalidArgumentError(f"{name}: expected training seeds of runs, got {seed}")
    return found


def given_curves(name: str, points: object) -> dict[str, list[Any]]:
    """The curves of a run by the names of their fields, as far as there are any.

    Raises:
        InvalidArgumentError: they are something else than pairs and :class:`OnlinePoint`.
    """
    expected = "(gradient step, mean return) pairs and OnlinePoint"
    if not isinstance(points, Iterable) or isinstance(points, _NOT_LISTED):
        raise InvalidArgumentError(f"{name}: expected {expected}, got {shown(points)}")
    curve: list[Any] = []
    online: list[Any] = []
    for i, point in enumerate(cast("Iterable[Any]", points)):
        where = f"{name}[{i}]"
        found = plain(point, where)
        if isinstance(point, OnlinePoint):
            online.append(found)
        elif isinstance(found, list) and len(cast("list[Any]", found)) == 2:
            curve.append({"step": found[0], "mean_return": found[1]})
        else:
            raise InvalidArgumentError(f"{where}: expected {expected}, got {shown(point)}")
    return {"curve": curve} | ({"online_curve": online} if online else {})


def given_data(value: object) -> Any:
    """What was trained on, as the field ``data`` of a file; ``None`` for nothing.

    Raises:
        InvalidArgumentError: it is no description of data.
    """
    if value is None or isinstance(value, Data | Mapping):
        return plain(value, "data")
    if not isinstance(value, TrainedOn):
        raise InvalidArgumentError(
            "data: expected a dataset that load_dataset returned, or a Data(origin=...,"
            f" content_sha256=...), got {shown(value)}; {HOW_TO_SAY_DATA}"
        )
    return plain(Data.of(value), "data")


def _inner(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name


def _name(key: object, where: str) -> str:
    if not isinstance(key, str):
        raise InvalidArgumentError(f"{where}: expected names as text, got {shown(key)}")
    return str.__str__(key)


def _is_default(field: dataclasses.Field[Any], owner: Any) -> bool:
    value = getattr(owner, field.name)
    if field.default is not dataclasses.MISSING:
        return type(value) is type(field.default) and bool(value == field.default)
    if field.default_factory is dataclasses.MISSING:
        return False
    default = field.default_factory()
    return type(value) is type(default) and bool(value == default)


def _scalar_or_list(value: Any) -> Any:
    """The same in Python's types, as far as it has a form in them."""
    if isinstance(value, str):
        return str.__str__(value)
    for kind in (bool, int, float):
        if isinstance(value, kind):
            return kind(value)
    if isinstance(value, (list, tuple)):
        return list(cast("Iterable[Any]", value))
    if hasattr(value, "__array__") and not isinstance(value, type):
        value = _of_array(value)
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        return value.isoformat()
    return str(value) if isinstance(value, os.PathLike) else value


def _of_array(value: Any) -> Any:
    try:
        return np.asarray(value).tolist()
    except (TypeError, ValueError, RuntimeError):  # torch refuses in all three ways
        return value


def _seed(name: str, key: object) -> int:
    return checked_count(f"{name}: a training seed", key, least=0)
