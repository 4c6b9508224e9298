"""The replay as files: every episode of a training run, with its physics states for rendering."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final
from zipfile import BadZipFile

import numpy as np

from collection.rollout import Trajectory
from collection.sac.simulations import FinishedEpisode
from vd4rl_data.errors import CorruptFileError
from vd4rl_data.storage.atomic import atomic_path

_BY_OBSERVATION: Final = ("physics_states", "states")
_BY_STEP: Final = ("actions", "rewards", "discounts")
_SUCCESSES: Final = "successes"
_SOLVER_STATES: Final = "solver_states"


def write_recording(path: Path, finished: Sequence[FinishedEpisode]) -> None:
    """Write episodes to one file, which appears whole or not at all.

    Raises:
        NoSpaceError: the disk is full.
    """
    episodes = [item.trajectory for item in finished]
    arrays: dict[str, Any] = {
        name: np.concatenate([np.asarray(getattr(episode, name)) for episode in episodes])
        for name in (*_BY_OBSERVATION, *_BY_STEP)
    }
    if all(episode.successes is not None for episode in episodes):
        arrays[_SUCCESSES] = np.concatenate([np.asarray(item.successes) for item in episodes])
    solver_states = [item.solver_state for item in episodes if item.solver_state is not None]
    if len(solver_states) == len(episodes) > 0:
        arrays[_SOLVER_STATES] = np.stack(solver_states)
    arrays["first_rows"] = np.array([item.first_row for item in finished], np.int64)
    arrays["terminated"] = np.array([episode.terminated for episode in episodes])
    arrays["lengths"] = np.array([len(episode.actions) for episode in episodes], np.int64)
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez(file, **arrays)


def read_recording(path: Path) -> Iterator[FinishedEpisode]:
    """The episodes of a file, in order.

    Raises:
        CorruptFileError: the file is damaged, or not a recording of episodes.
    """
    try:
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        lengths, first_rows, terminated = (
            arrays.pop(name) for name in ("lengths", "first_rows", "terminated")
        )
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        raise CorruptFileError(f"{path}: not a recording of episodes: {error}") from error
    solver_states = arrays.pop(_SOLVER_STATES, None)
    by_step = [name for name in (*_BY_STEP, _SUCCESSES) if name in arrays]
    row = step = 0
    for number, length in enumerate(lengths.tolist()):
        trajectory = Trajectory(
            **{name: arrays[name][row : row + length + 1] for name in _BY_OBSERVATION},
            **{name: arrays[name][step : step + length] for name in by_step},
            terminated=bool(terminated[number]),
            solver_state=None if solver_states is None else solver_states[number],
        )
        yield FinishedEpisode(trajectory, int(first_rows[number]))
        row += length + 1
        step += length
