"""The tables of simulators and looks: found by name, and imported when first needed."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Mapping
from typing import Any, Final

from vd4rl_data.errors import UnknownSimulatorError
from vd4rl_data.simulators.looks import LOOKS
from vd4rl_data.spec import Look, TaskSpec

SIMULATORS: Final[dict[str, str]] = {
    "dmc": "vd4rl_data.simulators.dmc:DMCSimulator",
    "car_racing": "vd4rl_data.simulators.car_racing:CarRacingSimulator",
    "adroit_pen": "vd4rl_data.simulators.adroit:AdroitPenSimulator",
    "dclaw": "vd4rl_data.simulators.dclaw:DClawSimulator",
    "kitchen": "vd4rl_data.simulators.kitchen:KitchenSimulator",
    "metaworld": "vd4rl_data.simulators.metaworld:MetaWorldSimulator",
}
"""Name → ``module:class``; entry points of ``vd4rl_data.simulators`` add to it."""

EXTRAS: Final = {
    "adroit_pen": "hands",
    "car_racing": "car",
    "kitchen": "kitchen",
    "metaworld": "metaworld",
}
"""Name → the extra of this package that brings what it needs, beside dm_control."""


FILES: Final = {"dclaw": "vd4rl_data.simulators.dclaw_model:fetch_commands"}
"""Name → ``module:function`` of the shell commands that fetch what it reads and no extra brings."""


def fetch_commands(name: str) -> tuple[str, ...]:
    """Shell commands that fetch the files that a simulator reads; none if it reads none."""
    return _load("file", FILES[name], {})() if name in FILES else ()


def find_simulator(name: str) -> type[Any]:
    """Find the class of a :class:`~vd4rl_data.simulators.Simulator`, by name or ``module:class``.

    Raises:
        UnknownSimulatorError: there is no such class; the message lists the known names.
    """
    return _load("simulator", name, SIMULATORS)


def make_simulator(task: TaskSpec) -> Any:
    """Make the simulator of a task; nothing heavy is imported before its first use.

    Raises:
        UnknownSimulatorError: the task's simulator is not known.
        ValueError: the task's settings are not of its simulator's class.
    """
    kind = find_simulator(task.simulator)
    if not isinstance(task.settings, kind.Settings):
        raise ValueError(
            f"task {task.name!r}: settings: expected a {kind.Settings.__name__}, which simulator"
            f" {task.simulator!r} takes, got {task.settings!r}"
        )
    return kind(task)


def make_look(look: Look, model: Any) -> Any:
    """Make a look for a model.

    Args:
        look: the look and its settings.
        model: ``mujoco.MjModel``; ``None`` if the simulator has none.

    Raises:
        UnknownSimulatorError: the kind of look is not known.
        ValueError: a setting does not apply to its kind.
    """
    kind = _load("look", look.kind, LOOKS)
    return kind(look, model)


def _load(what: str, name: str, known: Mapping[str, str]) -> Any:
    path = known.get(name, name)
    module, separator, attribute = path.partition(":")
    if not separator:
        close = difflib.get_close_matches(name, known, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise UnknownSimulatorError(
            f"no {what} is called {name!r}.{hint} Known: {', '.join(known) or 'none'}; or give your"
            " own class as 'module:class'."
        )
    try:
        return getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise UnknownSimulatorError(
            f"{what} {name!r}: {path} cannot be imported: {error}"
        ) from error
