"""Fixtures of the environment tests: every task of the registry, and scripts in fresh processes."""

from __future__ import annotations

from tests.simulators.conftest import run_script as run_script  # noqa: PLC0414
from tests.simulators.conftest import task as task  # noqa: PLC0414
