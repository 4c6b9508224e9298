"""Kitchen demonstrations that Minari publishes (``D4RL/kitchen/…``): read as episodes of states.

An observation holds the positions and velocities of all joints, as read with the noise of that
environment: the states are those readings. They are set in the simulator, one after the other, and
drawn; nothing is played again, because the noise enters the dynamics. What is in place is counted
anew, at the end of each step and without removing anything, as MOTO and D5RL do.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from jaxtyping import Float64

from collection.errors import InvalidSettingError
from collection.rollout import Trajectory
from vd4rl_data.errors import DatasetFormatError, MissingDependencyError
from vd4rl_data.simulators.kitchen import ROBOT, STATE_LAYOUT, in_place
from vd4rl_data.spec import TaskSpec

_ENVIRONMENT: Final = "FrankaKitchen-v1"
_WIDTH: Final = sum(size for _, size in STATE_LAYOUT)
_OBJECTS: Final = dict(STATE_LAYOUT)["objects"]


@dataclass(frozen=True, slots=True)
class MinariFile:
    """A Minari dataset of the kitchen.

    Attributes:
        source: its folder, or its name on Minari's server.
        about: what Minari records about it.
        lengths: transitions of each episode.
        sha256: of the lengths and of each episode's actions.
    """

    source: str
    about: dict[str, Any]
    lengths: tuple[int, ...]
    sha256: str


def open_minari(source: Path) -> MinariFile:
    """Open a Minari dataset and check that it is one of the kitchen.

    Args:
        source: a folder that holds one, or else its name, which Minari then downloads if it is not
            on this machine.

    Raises:
        MissingDependencyError: minari is not installed.
        InvalidSettingError: there is no such dataset.
        DatasetFormatError: it is of another environment, or has states of another model.
    """
    dataset = _open(source)
    where, spec = str(source), dataset.spec.env_spec
    name = None if spec is None else spec.id
    if name != _ENVIRONMENT:
        raise DatasetFormatError(
            f"{where}: env_spec: expected a dataset of {_ENVIRONMENT}, got one of {name}"
        )
    digest, lengths = hashlib.sha256(), list[int]()
    for episode in dataset.iterate_episodes():
        _readings(episode, where)
        lengths.append(len(episode.actions))
        digest.update(np.ascontiguousarray(episode.actions, dtype="<f8").tobytes())
    about = {
        "name": "demos",
        "dataset": dataset.spec.dataset_id,
        "environment": name,
        "episodes": len(lengths),
    }
    return MinariFile(where, about, tuple(lengths), digest.hexdigest())


def trajectory(file: MinariFile, episode: int, task: TaskSpec) -> Trajectory:
    """One demonstration, with the rewards of a task; it ends where the task does, at the latest.

    Raises:
        DatasetFormatError: the dataset holds other states or actions.
    """
    dataset = _open(Path(file.source))
    (found,) = dataset.iterate_episodes([episode])
    states = states_of(_readings(found, file.source))[: task.time_steps + 1]
    actions = np.asarray(found.actions)[: task.time_steps]
    actions = np.clip(actions, -1.0, 1.0).astype(np.float32)
    elements = task.settings.elements
    completed = {element: in_place(states[1:], element) for element in elements}
    count = np.sum(list(completed.values()), axis=0)
    return Trajectory(
        actions=actions,
        rewards=count.astype(np.float32),
        discounts=np.ones(len(actions), np.float32),
        physics_states=states,
        states=states.astype(np.float32),
        terminated=False,
        look_episode=episode,
        successes=count == len(elements),
        completed=completed,
    )


def states_of(readings: Float64[np.ndarray, "T1 S"]) -> Float64[np.ndarray, "T1 S"]:
    """Physics states, positions before velocities, of observations, the robot before the rest."""
    ends = np.cumsum([ROBOT, ROBOT, _OBJECTS])
    robot, robot_speed, objects, speeds = np.split(readings, ends, axis=1)
    return np.concatenate([robot, objects, robot_speed, speeds], axis=1)


def _readings(episode: Any, where: str) -> Float64[np.ndarray, "T1 S"]:
    observations = episode.observations
    named = observations if isinstance(observations, dict) else {"observation": observations}
    found: Any = named.get("observation", ())
    shape = np.shape(found)
    rows = len(episode.actions) + 1
    if shape != (rows, _WIDTH):
        raise DatasetFormatError(
            f"{where}: episode {episode.id}: observation: expected {(rows, _WIDTH)}, the joints of"
            f" {_ENVIRONMENT}'s model, got {shape}"
        )
    if np.shape(episode.actions) != (rows - 1, ROBOT):
        raise DatasetFormatError(
            f"{where}: episode {episode.id}: actions: expected {(rows - 1, ROBOT)}, got"
            f" {np.shape(episode.actions)}"
        )
    return np.asarray(found, dtype=np.float64)


def _open(source: Path) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            minari = importlib.import_module("minari")
    except ImportError as error:
        raise MissingDependencyError(
            f"{error.name} is not installed, and Minari's datasets need it:"
            ' `pip install "vd4rl-data[kitchen]"`'
        ) from error
    folder = source / "data" if (source / "data").is_dir() else source
    try:
        with contextlib.ExitStack() as stack:
            stack.enter_context(warnings.catch_warnings())
            warnings.simplefilter("ignore")
            if folder.is_dir():
                return minari.MinariDataset(folder)
            return minari.load_dataset(str(source), download=True)
    except (OSError, ValueError, KeyError) as error:
        raise InvalidSettingError(
            f"source: expected the folder of a Minari dataset, or the name of one such as"
            f" D4RL/kitchen/mixed-v2, got {source} ({error})"
        ) from error
