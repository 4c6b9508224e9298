"""Replays as files: the physics states, actions and rewards of a training run, without pixels.

No single policy can roll out a replay again, so its actions are stored: HDF5 with shuffled,
deflated and checksummed chunks, float32 actions and rewards. Physics states, float64, are stored
every few time steps, and those in between are simulated when they are read (version 2), if that
gives them back bit for bit where the file is written; else all of them are (version 1).
Proprioception is stored only if the simulator cannot recompute it bit for bit: in version 1 it can
for walker and cheetah, but not for hopper, whose touch sensors feel the forces of the step before.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import h5py
import numpy as np
from numpy.typing import NDArray

from collection.errors import ReplayFileError
from collection.keyframes import Keyframes, Simulated, num_keyframes, simulate
from collection.rollout import Trajectory
from vd4rl_data.simulators import Simulation
from vd4rl_data.suites.policies import REPLAY, TRAINED_ON, replay_name

FORMAT: Final = "vd4rl-data replay"
WHOLE: Final = 1
KEYFRAMES: Final = 2
FOLDER: Final = Path(__file__).parent / "replays"
"""The replays that the repository ships."""

STATES: Final = "states"
SUCCESSES: Final = "successes"
_PICKLED: Final = (
    *("path", "task", "sha256", "lengths", "training"),
    *("stores_states", "stores_successes", "every"),
)
_OF_VERSION: Final = {WHOLE: ("physics_states",), KEYFRAMES: ("keyframes", "solver_states")}
_ALL: Final = ("actions", "rewards", "lengths", "terminated")
ARRAYS: Final = {
    "physics_states": (2, "<f8"),
    "keyframes": (2, "<f8"),
    "solver_states": (2, "<f8"),
    "actions": (2, "<f4"),
    "rewards": (1, "<f4"),
    "lengths": (1, "<i8"),
    "terminated": (1, "|b1"),
    STATES: (2, "<f4"),
    SUCCESSES: (1, "|b1"),
}
_OPTIONAL: Final = (STATES, SUCCESSES)


@dataclass(frozen=True, slots=True)
class ReplayFile:
    """A replay that was opened and checked; its arrays are read on first use.

    Attributes:
        path: path of the file.
        task: task that was trained on.
        sha256: SHA-256 of the file, 64 hexadecimal digits; of a file that was made smaller, of
            the one that it was made from, which has the same episodes.
        lengths: time steps of each episode.
        training: settings, versions and device, rule, learning curve.
        stores_states: whether the file holds proprioception.
        stores_successes: whether it tells after which time steps the task was solved.
        every: time steps between two states of an episode that the file holds, see
            :mod:`collection.keyframes`; 0 if it holds all of them.
    """

    path: Path
    task: str
    sha256: str
    lengths: tuple[int, ...]
    training: Mapping[str, Any]
    stores_states: bool
    stores_successes: bool
    every: int
    _loaded: dict[str, NDArray[Any]] = field(
        default_factory=dict[str, NDArray[Any]], repr=False, compare=False
    )

    def __len__(self) -> int:
        """Number of episodes."""
        return len(self.lengths)

    def __getstate__(self) -> list[Any]:
        """Leave the arrays out: each process reads them itself."""
        return [getattr(self, name) for name in _PICKLED]

    def __setstate__(self, state: list[Any]) -> None:
        """Restore the fields, with no array read yet."""
        for name, value in zip((*_PICKLED, "_loaded"), [*state, {}], strict=True):
            object.__setattr__(self, name, value)

    @property
    def description(self) -> dict[str, Any]:
        """What a dataset's manifest records about the replay that it was made from."""
        return {
            "task": self.task,
            "file": self.path.name,
            "sha256": self.sha256,
            "training": dict(self.training),
        }

    @property
    def returns(self) -> NDArray[np.float64]:
        """Undiscounted return of each episode, float64 (E,)."""
        rewards = self._array("rewards").astype(np.float64)
        return np.array([part.sum() for part in np.split(rewards, np.cumsum(self.lengths)[:-1])])

    def trajectory(self, number: int, simulation: Simulation) -> Trajectory:
        """One episode; ``simulation`` computes what the file leaves out.

        If it is of the sparse twin of the task that was trained on, rewards are successes.
        """
        step, length = sum(self.lengths[:number]), self.lengths[number]
        steps = slice(step, step + length)
        actions = self._array("actions")[steps]
        found = self._states(number, actions, simulation)
        terminated = bool(self._array("terminated")[number])
        discounts = np.ones(length, np.float32)
        if terminated:
            discounts[-1] = 0.0
        successes = self._array(SUCCESSES)[steps] if self.stores_successes else None
        rewards = self._array("rewards")[steps]
        if successes is not None and simulation.task.name in TRAINED_ON:
            rewards = successes.astype(np.float32)
        return Trajectory(
            actions=actions,
            rewards=rewards,
            discounts=discounts,
            physics_states=found.physics_states,
            states=found.states,
            terminated=terminated,
            successes=successes,
            solver_state=self._keyframes(number).solver_states[0] if self.every else None,
            deviation=found.deviation,
        )

    def _states(
        self, number: int, actions: NDArray[np.float32], simulation: Simulation
    ) -> Simulated:
        """Physics states and proprioception of one episode."""
        row = sum(self.lengths[:number]) + number
        rows = slice(row, row + self.lengths[number] + 1)
        stored = self._array(STATES)[rows] if self.stores_states else None
        if self.every:
            found = simulate(self._keyframes(number), actions, simulation)
            return found if stored is None else dataclasses.replace(found, states=stored)
        physics_states = self._array("physics_states")[rows]
        if stored is None:
            stored = np.stack([simulation.state_at(state) for state in physics_states])
        return Simulated(physics_states, stored, 0.0)

    def _keyframes(self, number: int) -> Keyframes:
        first = sum(num_keyframes(length, self.every) for length in self.lengths[:number])
        rows = slice(first, first + num_keyframes(self.lengths[number], self.every))
        return Keyframes(
            self.every, self._array("keyframes")[rows], self._array("solver_states")[rows]
        )

    def _array(self, name: str) -> NDArray[Any]:
        if name not in self._loaded:
            try:
                with h5py.File(self.path, "r") as file:
                    self._loaded[name] = _read(file, name)
            except (OSError, KeyError) as error:
                raise _damaged(self.path, f"{name} cannot be read: {error}") from error
        return self._loaded[name]


def shipped_replay(task: str, level: float | None = None, behavior: str = REPLAY) -> Path | None:
    """Path of the replay that the repository ships; ``None`` if there is none.

    Args:
        task: name of the task.
        level: see :func:`collection.policy_files.shipped_policy`.
        behavior: one of :data:`vd4rl_data.suites.policies.REPLAYS`.
    """
    path = replay_in(FOLDER, task, level, behavior)
    return path if path.is_file() else None


def replay_in(folder: Path, task: str, level: float | None = None, behavior: str = REPLAY) -> Path:
    """Where a folder of replays has the one of a task, a level and a behavior."""
    return folder / f"{replay_name(task, level, behavior)}.h5"


def open_replay(path: Path) -> ReplayFile:
    """Open a replay and check its structure; checksums are checked when its arrays are read.

    Raises:
        ReplayFileError: the file is missing, truncated, damaged, or not a replay.
    """
    try:
        with path.open("rb") as raw:
            digest = hashlib.file_digest(raw, "sha256").hexdigest()
        with h5py.File(path, "r") as file:
            attributes: dict[str, Any] = dict(file.attrs)
            header = {name: attributes[name] for name in ("format", "version", "task")}
            kept = _OF_VERSION.get(header["version"])
            if header["format"] != FORMAT or kept is None:
                expected = f"{FORMAT} version {' or '.join(map(str, _OF_VERSION))}"
                raise _damaged(path, f"expected {expected}, got {header}")
            every = int(attributes["every"]) if header["version"] == KEYFRAMES else 0
            digest = str(attributes.get("made_of", digest))
            training = json.loads(str(attributes["training"]))
            names = [*kept, *_ALL, *(name for name in _OPTIONAL if name in file)]
            shapes = {name: _shape(path, file, name) for name in names}
            lengths = tuple(int(length) for length in _read(file, "lengths"))
    except ReplayFileError:
        raise
    except (OSError, KeyError, ValueError) as error:
        raise _damaged(path, str(error)) from error
    if header["version"] == KEYFRAMES and every < 1:
        raise _damaged(path, f"every: expected at least 1, got {every}")
    for name, rows in _expected_rows(lengths, every).items():
        if name in shapes and shapes[name][0] != rows:
            raise _damaged(path, f"{name}: expected {rows} rows, got {shapes[name][0]}")
    stored = (STATES in shapes, SUCCESSES in shapes)
    return ReplayFile(path, str(header["task"]), digest, lengths, training, *stored, every)


def _expected_rows(lengths: Sequence[int], every: int) -> dict[str, int]:
    steps, episodes = sum(lengths), len(lengths)
    expected = {"physics_states": steps + episodes, "actions": steps, "rewards": steps}
    expected |= {"terminated": episodes, STATES: steps + episodes, SUCCESSES: steps}
    if every:
        keyframes = sum(num_keyframes(length, every) for length in lengths)
        expected |= {"keyframes": keyframes, "solver_states": keyframes}
    return expected


def _read(file: h5py.File, name: str) -> NDArray[Any]:
    array: Any = file[name]
    return array[()]


def _shape(path: Path, file: h5py.File, name: str) -> tuple[int, ...]:
    dimensions, kind = ARRAYS[name]
    array: Any = file[name]
    if array.ndim != dimensions or array.dtype.str != kind:
        raise _damaged(
            path,
            f"{name}: expected {dimensions} dimensions of {kind}, got {array.ndim} of "
            f"{array.dtype.str}",
        )
    return tuple(array.shape)


def _damaged(path: Path, what: str) -> ReplayFileError:
    return ReplayFileError(f"{path}: not a valid replay: {what}")
