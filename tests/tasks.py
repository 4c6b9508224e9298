"""Tasks of the registry for tests: one of each kind, so that bodies are not sixteen tests each."""

from __future__ import annotations

import importlib.util
from typing import Any, Final

import pytest

from vd4rl_data.paths import robel_wheel
from vd4rl_data.registry import TASKS
from vd4rl_data.spec import TaskSpec
from vd4rl_data.suites import register_all

register_all()

_NEEDS: Final = {
    "adroit_pen": "gymnasium_robotics",
    "car_racing": "Box2D",
    "kitchen": "gymnasium_robotics",
    "metaworld": "metaworld",
}
"""Simulator → module of the extra that it needs; dm_control is always there."""


def _first_of_each_kind() -> tuple[str, ...]:
    """By what is simulated, and whether its body is changed: the first name.

    Of dm_control each domain and goal; of the slower ones a single task.
    """
    found: dict[tuple[object, ...], str] = {}
    for task in sorted(TASKS.values(), key=lambda task: task.name):
        what = task.settings if task.simulator == "dmc" else None
        found.setdefault((task.simulator, what, task.body is None), task.name)
    return tuple(found.values())


_FILES: Final = {"dclaw": robel_wheel}
"""Simulator → where the file is that it needs."""


def simulated(task: TaskSpec, *values: Any) -> Any:
    """A parameter of a test that is skipped where the task's simulator is not installed."""
    module = _NEEDS.get(task.simulator)
    missing = module is not None and importlib.util.find_spec(module) is None
    if task.simulator in _FILES and not _FILES[task.simulator]().is_file():
        missing, module = True, _FILES[task.simulator]().name
    return pytest.param(*values, marks=pytest.mark.skipif(missing, reason=f"needs {module}"))


NAMES: Final = _first_of_each_kind()
"""A task for each simulator, of dm_control for each of its goals; and one with a changed body."""

KINDS: Final = tuple(simulated(TASKS[name], name) for name in NAMES)
"""The same as parameters; those whose simulator is not installed are skipped."""

SUITE_TASKS: Final = tuple(
    name for name in NAMES if TASKS[name].simulator == "dmc" and TASKS[name].body is None
)
"""The tasks that are those of dm_control itself."""
