"""Environments as plain values (dictionaries, lists, numbers, text), and back.

Environments are passed on in this form: in Gymnasium's specs, which are copied, pickled and written
as JSON, and to processes in which a user's own task is not registered.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from vd4rl_data.simulators.table import find_simulator
from vd4rl_data.spec import (
    Body,
    Camera,
    Drawing,
    Edit,
    EnvironmentSpec,
    FixedCamera,
    FreeCamera,
    Look,
    TaskSpec,
)


def environment_to_plain(environment: EnvironmentSpec) -> dict[str, Any]:
    """An environment as plain values; the inverse of :func:`environment_from_plain`."""
    look = environment.look
    return {
        "task": dict(_plain_task(environment.task)),
        "size": environment.size,
        "look": None if look is None else dict(_plain_look(look)),
    }


def environment_from_plain(plain: Mapping[str, Any]) -> EnvironmentSpec:
    """The environment that plain values describe.

    Raises:
        UnknownSimulatorError: the simulator of its task is not known.
        ValueError: a field is missing or unknown; the message names it.
    """
    try:
        look = plain["look"]
        return EnvironmentSpec(
            task=_task(plain["task"]),
            size=plain["size"],
            look=None if look is None else _look(look),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"environment: expected task, size and look as plain values, got {plain!r}"
            f" ({type(error).__name__}: {error})"
        ) from error


def _plain_task(task: TaskSpec) -> dict[str, Any]:
    """A task as plain values; hundreds of environments share a few tasks."""
    try:
        return _cached_plain_task(task)
    except TypeError:  # settings of somebody's own that have no hash
        return _lists(asdict(task))


@functools.cache
def _cached_plain_task(task: TaskSpec) -> dict[str, Any]:
    return _lists(asdict(task))


@functools.cache
def _plain_look(look: Look) -> dict[str, Any]:
    """A look as plain values; thousands of environments share a few hundred."""
    return _lists({**asdict(look), "settings": dict(look.settings)})


def _task(plain: Mapping[str, Any]) -> TaskSpec:
    simulator, body, drawing = plain["simulator"], plain["body"], plain["drawing"]
    fields: dict[str, Any] = {
        **plain,
        "settings": find_simulator(simulator).Settings(**_tuples(plain["settings"])),
        "camera": _camera(plain["camera"]),
        "reward_range": tuple(plain["reward_range"]),
        "state_layout": _tuple(plain["state_layout"]),
        "body": None if body is None else _body(body),
        "drawing": None if drawing is None else Drawing(**drawing),
    }
    return TaskSpec(**fields)


def _camera(plain: Mapping[str, Any]) -> Camera:
    if "id" in plain:
        return FixedCamera(**plain)
    return FreeCamera(**_tuples(plain))


def _body(plain: Mapping[str, Any]) -> Body:
    return Body(plain["name"], tuple(Edit(**_tuples(edit)) for edit in plain["edits"]))


def _look(plain: Mapping[str, Any]) -> Look:
    fields: dict[str, Any] = {**plain, "parts": tuple(plain["parts"])}
    return Look(**fields)


def _lists(value: Any) -> Any:
    """The same value with lists in place of tuples, as in JSON."""
    if isinstance(value, Mapping):
        return {key: _lists(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_lists(item) for item in value]
    return value


def _tuples(values: Mapping[str, Any]) -> dict[str, Any]:
    """Fields for a frozen dataclass: tuples in place of the lists of plain values."""
    return {name: _tuple(value) for name, value in values.items()}


def _tuple(value: Any) -> Any:
    return tuple(_tuple(item) for item in value) if isinstance(value, list) else value
