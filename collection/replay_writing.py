"""Episodes → the file of a replay, with as few of their physics states as simulating them needs."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

import h5py
import numpy as np
from numpy.typing import NDArray

from collection.keyframes import EVERY, find_keyframes
from collection.replay_files import ARRAYS, FORMAT, KEYFRAMES, STATES, SUCCESSES, WHOLE
from collection.rollout import Trajectory
from vd4rl_data.simulators import Simulation
from vd4rl_data.storage.atomic import atomic_path

Watched: TypeAlias = Callable[[Sequence[Trajectory]], Iterator[Trajectory]]
_CHUNK_ROWS: Final = 2048


def write_replay(
    path: Path,
    task: str,
    episodes: Sequence[Trajectory],
    training: Mapping[str, Any],
    every: int = EVERY,
) -> None:
    """Write a replay; the file appears whole or not at all.

    Args:
        path: the file.
        task: see :func:`replay_content`, as all that follow.
        episodes: the episodes.
        training: what the file tells of their training.
        every: time steps between keyframes.

    Raises:
        NoSpaceError: the disk is full.
    """
    content = replay_content(task, episodes, training, every)
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def replay_content(
    task: str,
    episodes: Sequence[Trajectory],
    training: Mapping[str, Any],
    every: int = EVERY,
    made_of: str = "",
    watched: Watched = iter,
) -> bytes:
    """The bytes of a replay file, made in memory so that HDF5 never runs into a full disk.

    Args:
        task: task that was trained on.
        episodes: the episodes.
        training: settings, versions and device, rule, learning curve; JSON values.
        every: time steps between the states that are stored; 0 stores all of them, as is also done
            where the simulator does not give them back bit for bit. To find that out, every episode
            is simulated: half a millisecond per time step of humanoid.
        made_of: SHA-256 of a file with the same episodes, to be known by.
        watched: iterates over the episodes while they are simulated, e.g. to show progress.
    """
    arrays: dict[str, NDArray[Any]] = {
        name: np.concatenate([np.asarray(getattr(episode, name)) for episode in episodes])
        for name in ("actions", "rewards")
    }
    stored, version = _stored_states(task, episodes, every, watched)
    arrays |= stored
    if all(episode.successes is not None for episode in episodes):
        arrays[SUCCESSES] = np.concatenate([np.asarray(item.successes) for item in episodes])
    arrays["lengths"] = np.array([len(episode.actions) for episode in episodes])
    arrays["terminated"] = np.array([episode.terminated for episode in episodes])
    memory = io.BytesIO()
    with h5py.File(memory, "w") as file:
        file.attrs.update(format=FORMAT, version=version, task=task)
        if version == KEYFRAMES:
            file.attrs["every"] = every
        if made_of:
            file.attrs["made_of"] = made_of
        file.attrs["training"] = json.dumps(training)
        for name, array in arrays.items():
            chunk = (min(_CHUNK_ROWS, len(array)), *array.shape[1:])
            file.create_dataset(
                name,
                data=array.astype(ARRAYS[name][1]),
                chunks=chunk,
                shuffle=True,
                compression="gzip",
                compression_opts=9,
                fletcher32=True,
                track_times=False,
            )
    return memory.getvalue()


def _stored_states(
    task: str, episodes: Sequence[Trajectory], every: int, watched: Watched
) -> tuple[dict[str, NDArray[Any]], int]:
    """What a file holds of the states, and the version that it has with that."""
    simulation = Simulation(task)
    try:
        found = find_keyframes(watched(episodes), simulation, every) if every else None
        if found is None:
            version, sparse = WHOLE, _gives_states_back(simulation, (episodes[0], episodes[-1]))
            parts = {"physics_states": [episode.recorded()[0] for episode in episodes]}
        else:
            version, sparse = KEYFRAMES, found.gives_states
            parts = {
                "keyframes": [each.physics_states for each in found.episodes],
                "solver_states": [each.solver_states for each in found.episodes],
            }
    finally:
        simulation.close()
    arrays = {name: np.concatenate(values) for name, values in parts.items()}
    if not sparse:
        arrays[STATES] = np.concatenate([episode.recorded()[1] for episode in episodes])
    return arrays, version


def _gives_states_back(simulation: Simulation, episodes: Sequence[Trajectory]) -> bool:
    return all(
        np.array_equal(simulation.state_at(physics_state), state)
        for episode in episodes
        for physics_state, state in zip(*episode.recorded(), strict=True)
    )
