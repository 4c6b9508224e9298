"""The proprioceptive states that a file holds beside its frames."""

from __future__ import annotations

from typing import Final

from vd4rl_data.registry import DATASETS
from vd4rl_data.storage.format import info_key
from vd4rl_data.storage.reader import StoredDataset

STATE_KEY: Final = info_key("state")


def check_has_states(stored: StoredDataset) -> None:
    """Check that a file holds a state of each observation.

    Raises:
        ValueError: it holds none, or no vector of each observation; the message says which datasets
            have states.
    """
    if STATE_KEY not in stored.keys:
        found = "no such array"
    elif stored.kinds[STATE_KEY] != "observation" or len(stored.row_shape(STATE_KEY)) != 1:
        found = f"rows of shape {stored.row_shape(STATE_KEY)} of each {stored.kinds[STATE_KEY]}"
    else:
        return
    raise ValueError(
        f"state: {stored.path}: {STATE_KEY}: expected float32 (N, P), a state of each "
        f"observation, got {found}. States are in the files that this package collects of "
        f"{_tasks_with_states()}, and in those imported from npz files of the authors that hold "
        "all of the proprioception; the authors' hdf5 files (84 px) hold frames alone"
    )


def _tasks_with_states() -> str:
    """By suite: the tasks whose simulator says a state."""
    tasks: dict[str, set[str]] = {}
    for spec in DATASETS.values():
        if spec.task.state_layout:
            tasks.setdefault(spec.id.suite, set()).add(spec.task.name)
    return "; ".join(f"{suite}: {', '.join(sorted(names))}" for suite, names in tasks.items())
