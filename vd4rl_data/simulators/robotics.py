"""Modules of gymnasium-robotics, imported without the notice that it prints."""

from __future__ import annotations

import contextlib
import importlib
import io
import warnings
from typing import Any

from vd4rl_data.errors import MissingDependencyError
from vd4rl_data.simulators.gl import load_mujoco


def robotics_module(name: str, *, what: str, extra: str) -> Any:
    """Import a module of gymnasium-robotics.

    Its first import prints a notice about rewards of tasks that are not used here.

    Args:
        name: the module's name.
        what: what needs it, for the error.
        extra: the extra that brings it.

    Raises:
        MissingDependencyError: gymnasium-robotics is not installed.
    """
    load_mujoco()
    try:
        with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            return importlib.import_module(name)
    except ImportError as error:
        raise MissingDependencyError(
            f"{error.name} is not installed, and {what} needs it:"
            f' `pip install "vd4rl-data[{extra}]"`'
        ) from error
