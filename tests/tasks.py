"""Tasks of the registry for tests: one of each kind, so that bodies are not sixteen tests each."""

from __future__ import annotations

from typing import Final

from vd4rl_data.registry import TASKS
from vd4rl_data.spec import TaskSpec
from vd4rl_data.suites import register_all

register_all()


def _kinds(tasks: dict[str, TaskSpec]) -> dict[str, str]:
    """By what is simulated, and whether its body is changed: the first name."""
    found: dict[tuple[object, ...], str] = {}
    for name, task in sorted(tasks.items()):
        found.setdefault((task.simulator, task.settings, task.body is None), name)
    return {name: tasks[name].simulator for name in found.values()}


_SIMULATORS: Final = _kinds(TASKS)
KINDS: Final = tuple(_SIMULATORS)
"""A task for each simulator and settings, and one with a changed body where there are any."""

SUITE_TASKS: Final = tuple(
    name for name, kind in _SIMULATORS.items() if kind == "dmc" and TASKS[name].body is None
)
"""The tasks that are those of dm_control itself."""
