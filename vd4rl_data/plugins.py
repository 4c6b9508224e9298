"""Suites, simulators and looks of other packages, loaded in every process that imports this one.

An installed distribution declares them as entry points; without an installation, list modules on
the import path in ``$VD4RL_PLUGINS``. ``docs/extending.md`` has examples.
"""

from __future__ import annotations

import importlib
import os
from importlib.metadata import entry_points
from typing import Any, Final

from vd4rl_data.errors import InvalidPluginError
from vd4rl_data.registry import register_suite
from vd4rl_data.simulators.looks import LOOKS
from vd4rl_data.simulators.table import SIMULATORS
from vd4rl_data.suite import Suite

SUITES_GROUP: Final = "vd4rl_data.suites"
"""Entry points whose value is a :class:`~vd4rl_data.suite.Suite`: ``module:SUITE``."""

SIMULATORS_GROUP: Final = "vd4rl_data.simulators"
"""Entry points whose name is a simulator's name, and whose value is its class."""

LOOKS_GROUP: Final = "vd4rl_data.looks"
"""Entry points whose name is a kind of look, and whose value is its class."""

VARIABLE: Final = "VD4RL_PLUGINS"
"""Environment variable: modules to import, separated by commas. What they register when they are
imported counts, and their ``SUITE`` and ``FORMAT`` are registered if they have one."""


def load_plugins() -> None:
    """Register the plugins. Repeated calls change nothing.

    Raises:
        InvalidPluginError: a plugin cannot be imported, or what it adds is refused.
    """
    for group, table in ((SIMULATORS_GROUP, SIMULATORS), (LOOKS_GROUP, LOOKS)):
        for entry in entry_points(group=group):
            table.setdefault(entry.name, entry.value)
    for entry in entry_points(group=SUITES_GROUP):
        _register(entry.load, f"entry point {entry.value}")
    for name in plugin_modules():

        def load(module: str = name) -> Any:
            return getattr(importlib.import_module(module), "SUITE", None)

        _register(load, f"{VARIABLE}: {name}")


def plugin_modules() -> list[str]:
    """The modules that :data:`VARIABLE` names."""
    return [name for name in map(str.strip, os.environ.get(VARIABLE, "").split(",")) if name]


def _register(load: Any, where: str) -> None:
    try:
        suite = load()
        if suite is None:
            return
        if not isinstance(suite, Suite):
            raise TypeError(f"SUITE: expected a vd4rl_data.suite.Suite, got {suite!r}")
        register_suite(suite)
    except Exception as error:
        raise InvalidPluginError(f"{where}: {type(error).__name__}: {error}") from error
