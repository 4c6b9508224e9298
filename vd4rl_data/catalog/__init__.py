"""The rows of the registry, one module per suite. Adding a dataset means adding a row here."""

from __future__ import annotations

from vd4rl_data.catalog import dmc_tasks as dmc_tasks
from vd4rl_data.catalog import vd4rl as vd4rl


def register_all() -> None:
    """Fill the registry with every task and dataset that this package knows."""
    dmc_tasks.register()
    vd4rl.register()
