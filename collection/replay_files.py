"""Replays as files: the physics states, actions and rewards of a training run, without pixels.

No single policy can roll out a replay again, so it is stored whole: HDF5 with shuffled, deflated
and checksummed chunks; float64 physics states, float32 actions and rewards. Proprioception is
stored only if the simulator cannot recompute it bit for bit from the physics state: it can for
walker and cheetah, but not for hopper, whose touch sensors feel the forces of the step before.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import h5py
import numpy as np
from numpy.typing import NDArray

from collection.errors import ReplayFileError
from collection.rollout import Trajectory
from vd4rl_data.simulators import Simulation
from vd4rl_data.storage.atomic import atomic_path
from vd4rl_data.suites.policies import REPLAY, TRAINED_ON, replay_name

FORMAT: Final = "vd4rl-data replay"
VERSION: Final = 1
FOLDER: Final = Path(__file__).parent / "replays"
"""The replays that the repository ships."""

_CHUNK_ROWS: Final = 2048
_STATES: Final = "states"
_SUCCESSES: Final = "successes"
_PICKLED: Final = (
    *("path", "task", "sha256", "lengths", "training"),
    *("stores_states", "stores_successes"),
)
_ARRAYS: Final = {
    "physics_states": (2, "<f8"),
    "actions": (2, "<f4"),
    "rewards": (1, "<f4"),
    "lengths": (1, "<i8"),
    "terminated": (1, "|b1"),
    _STATES: (2, "<f4"),
    _SUCCESSES: (1, "|b1"),
}
_OPTIONAL: Final = frozenset({_STATES, _SUCCESSES})


@dataclass(frozen=True, slots=True)
class ReplayFile:
    """A replay that was opened and checked; its arrays are read on first use.

    Attributes:
        path: path of the file.
        task: task that was trained on.
        sha256: SHA-256 of the file, 64 hexadecimal digits.
        lengths: time steps of each episode.
        training: settings, versions and device, rule, learning curve.
        stores_states: whether the file holds proprioception.
        stores_successes: whether it tells after which time steps the task was solved.
    """

    path: Path
    task: str
    sha256: str
    lengths: tuple[int, ...]
    training: Mapping[str, Any]
    stores_states: bool
    stores_successes: bool
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
        """One episode; ``simulation`` recomputes its proprioception where the file has none.

        If it is of the sparse twin of the task that was trained on, rewards are successes.
        """
        step = sum(self.lengths[:number])
        length, row = self.lengths[number], step + number
        rows = slice(row, row + length + 1)
        physics_states = self._array("physics_states")[rows]
        terminated = bool(self._array("terminated")[number])
        discounts = np.ones(length, np.float32)
        if terminated:
            discounts[-1] = 0.0
        steps = slice(step, step + length)
        successes = self._array(_SUCCESSES)[steps] if self.stores_successes else None
        rewards = self._array("rewards")[steps]
        if successes is not None and simulation.task.name in TRAINED_ON:
            rewards = successes.astype(np.float32)
        return Trajectory(
            actions=self._array("actions")[steps],
            rewards=rewards,
            discounts=discounts,
            physics_states=physics_states,
            states=self._states(rows, physics_states, simulation),
            terminated=terminated,
            successes=successes,
        )

    def _states(
        self, rows: slice, physics_states: NDArray[np.float64], simulation: Simulation
    ) -> NDArray[np.float32]:
        if self.stores_states:
            return self._array(_STATES)[rows]
        return np.stack([simulation.state_at(state) for state in physics_states])

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


def write_replay(
    path: Path, task: str, episodes: Sequence[Trajectory], training: Mapping[str, Any]
) -> None:
    """Write a replay; the file appears whole or not at all.

    Raises:
        NoSpaceError: the disk is full.
    """
    content = replay_content(task, episodes, training)
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def replay_content(task: str, episodes: Sequence[Trajectory], training: Mapping[str, Any]) -> bytes:
    """The bytes of a replay file, made in memory so that HDF5 never runs into a full disk."""
    arrays: dict[str, NDArray[Any]] = {
        name: np.concatenate([np.asarray(getattr(episode, name)) for episode in episodes])
        for name in ("physics_states", "actions", "rewards", _STATES)
    }
    if _gives_states_back(task, (episodes[0], episodes[-1])):
        del arrays[_STATES]
    if all(episode.successes is not None for episode in episodes):
        arrays[_SUCCESSES] = np.concatenate([np.asarray(item.successes) for item in episodes])
    arrays["lengths"] = np.array([len(episode.actions) for episode in episodes])
    arrays["terminated"] = np.array([episode.terminated for episode in episodes])
    memory = io.BytesIO()
    with h5py.File(memory, "w") as file:
        file.attrs.update(format=FORMAT, version=VERSION, task=task)
        file.attrs["training"] = json.dumps(training)
        for name, array in arrays.items():
            chunk = (min(_CHUNK_ROWS, len(array)), *array.shape[1:])
            file.create_dataset(
                name,
                data=array.astype(_ARRAYS[name][1]),
                chunks=chunk,
                shuffle=True,
                compression="gzip",
                compression_opts=9,
                fletcher32=True,
                track_times=False,
            )
    return memory.getvalue()


def open_replay(path: Path) -> ReplayFile:
    """Open a replay and check its structure; checksums are checked when its arrays are read.

    Raises:
        ReplayFileError: the file is missing, truncated, damaged, or not a replay.
    """
    try:
        with path.open("rb") as raw:
            digest = hashlib.file_digest(raw, "sha256").hexdigest()
        with h5py.File(path, "r") as file:
            header = {name: file.attrs[name] for name in ("format", "version", "task")}
            training = json.loads(str(file.attrs["training"]))
            names = [name for name in _ARRAYS if name in file or name not in _OPTIONAL]
            shapes = {name: _shape(path, file, name) for name in names}
            lengths = tuple(int(length) for length in _read(file, "lengths"))
    except (OSError, KeyError, ValueError) as error:
        raise _damaged(path, str(error)) from error
    if (header["format"], header["version"]) != (FORMAT, VERSION):
        raise _damaged(path, f"expected {FORMAT} version {VERSION}, got {header}")
    steps, episodes = sum(lengths), len(lengths)
    expected = {"physics_states": steps + episodes, "actions": steps, "rewards": steps}
    expected |= {"terminated": episodes, _STATES: steps + episodes, _SUCCESSES: steps}
    for name, rows in expected.items():
        if name in shapes and shapes[name][0] != rows:
            raise _damaged(path, f"{name}: expected {rows} rows, got {shapes[name][0]}")
    stored = (_STATES in shapes, _SUCCESSES in shapes)
    return ReplayFile(path, str(header["task"]), digest, lengths, training, *stored)


def _gives_states_back(task: str, episodes: Sequence[Trajectory]) -> bool:
    simulation = Simulation(task)
    try:
        return all(
            np.array_equal(simulation.state_at(physics_state), state)
            for episode in episodes
            for physics_state, state in zip(*episode.recorded(), strict=True)
        )
    finally:
        simulation.close()


def _read(file: h5py.File, name: str) -> NDArray[Any]:
    array: Any = file[name]
    return array[()]


def _shape(path: Path, file: h5py.File, name: str) -> tuple[int, ...]:
    dimensions, kind = _ARRAYS[name]
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
