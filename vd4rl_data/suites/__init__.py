"""The suites: one module each, with all facts of it. Adding a suite means adding a module here."""

from __future__ import annotations

from typing import Final

from vd4rl_data.registry import register_suite, register_task
from vd4rl_data.suite import Suite
from vd4rl_data.suites.dmc_bodies import BODY_TASKS
from vd4rl_data.suites.dmc_tasks import DMC_TASKS
from vd4rl_data.suites.kitchen import SUITE as KITCHEN
from vd4rl_data.suites.lompo import SUITE as LOMPO
from vd4rl_data.suites.lqvd4rl import SUITE as LQVD4RL
from vd4rl_data.suites.metaworld import SUITE as METAWORLD
from vd4rl_data.suites.vd4rl import SUITE as VD4RL

ALL: Final[tuple[Suite, ...]] = (VD4RL, LQVD4RL, LOMPO, KITCHEN, METAWORLD)
"""In the order of the leaderboard's page."""


def register_all() -> None:
    """Fill the registry with what this package knows. Doing it again changes nothing."""
    for task in DMC_TASKS.values():
        register_task(task)
    for bodies in BODY_TASKS.values():
        for task in bodies.values():
            register_task(task)
    for suite in ALL:
        register_suite(suite)
