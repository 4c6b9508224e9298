"""Several environments stepped in lockstep, in this process or in worker processes."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import gymnasium
import numpy as np
from gymnasium.envs.registration import EnvSpec
from numpy.typing import NDArray

from vd4rl_data.processes import LocalEngine, LocalPool, Report
from vd4rl_data.simulators.gl import configure_worker_rendering

MEMBERS: Final = 4
"""Environments that a lane keeps of an evaluation that has more: each holds textures of its own."""


class Start(NamedTuple):
    """How an episode starts: the number of its environment, and the seed of its reset."""

    member: int
    seed: int


class Shown(NamedTuple):
    """What an environment returned from ``reset``; ``state`` is ``None`` if it has none."""

    observation: NDArray[np.uint8]
    state: NDArray[np.float32] | None


class LaneStep(NamedTuple):
    """What an environment returned from ``step``; what it does not report is ``None``.

    ``completed`` is the share of the task's parts that are done.
    """

    observation: NDArray[np.uint8]
    reward: float
    terminated: bool
    truncated: bool
    success: bool | None
    state: NDArray[np.float32] | None
    completed: float | None = None


class LocalLanes:
    """Environments in this process, one per lane and member, made when they are first reset; a lane
    keeps the last few.
    """

    def __init__(self, specs: Sequence[EnvSpec]) -> None:
        self._specs = specs
        self._envs: dict[tuple[int, int], gymnasium.Env[Any, Any]] = {}
        self._members: dict[int, int] = {}

    def reset(self, starts: Mapping[int, Start]) -> dict[int, Shown]:
        """Start an episode on each given lane; returns the first observations."""
        return {lane: self._reset(lane, start) for lane, start in starts.items()}

    def _reset(self, lane: int, start: Start) -> Shown:
        place = (lane, start.member)
        if place not in self._envs:
            kept = [other for other in self._envs if other[0] == lane]
            if len(kept) >= MEMBERS:
                self._envs.pop(kept[0]).close()
            self._envs[place] = gymnasium.make(self._specs[start.member])
        self._members[lane] = start.member
        observation, info = self._envs[place].reset(seed=start.seed)
        return Shown(observation, info.get("state"))

    def step(self, actions: Mapping[int, NDArray[np.float32]]) -> dict[int, LaneStep]:
        """Take one time step on each given lane."""
        return {lane: self._step(lane, action) for lane, action in actions.items()}

    def _step(self, lane: int, action: NDArray[np.float32]) -> LaneStep:
        env = self._envs[lane, self._members[lane]]
        observation, reward, terminated, truncated, info = env.step(action)
        success = bool(info["success"]) if "success" in info else None
        state, parts = info.get("state"), info.get("completed")
        completed = float(np.mean(list(parts.values()))) if parts else None
        return LaneStep(
            observation, float(reward), terminated, truncated, success, state, completed
        )

    def close(self) -> None:
        """Close every environment."""
        for env in self._envs.values():
            env.close()
        self._envs.clear()


@dataclass(frozen=True, slots=True)
class _LanesJob:
    """Environments in a worker process."""

    specs: Sequence[EnvSpec]

    def open(self) -> _LanesSession:
        configure_worker_rendering()
        return _LanesSession(LocalLanes(self.specs))


class _LanesSession:
    def __init__(self, lanes: LocalLanes) -> None:
        self._lanes = lanes

    def make(self, item: tuple[str, dict[int, Any]], report: Report) -> dict[int, Any]:
        del report
        method, arguments = item
        return getattr(self._lanes, method)(arguments)

    def close(self) -> None:
        self._lanes.close()


class WorkerLanes:
    """The same over several processes: lane i is in process i modulo the number of processes."""

    def __init__(self, pool: LocalPool, workers: int) -> None:
        self._pool = pool
        self._workers = workers

    def reset(self, starts: Mapping[int, Start]) -> dict[int, Shown]:
        """Start an episode on each given lane; returns the first observations.

        Raises:
            WorkerError: a worker raised or died.
        """
        return self._call("reset", starts)

    def step(self, actions: Mapping[int, NDArray[np.float32]]) -> dict[int, LaneStep]:
        """Take one time step on each given lane.

        Raises:
            WorkerError: a worker raised or died.
        """
        return self._call("step", actions)

    def _call(self, method: str, arguments: Mapping[int, Any]) -> dict[int, Any]:
        requests: dict[int, tuple[str, dict[int, Any]]] = {}
        for lane, value in arguments.items():
            requests.setdefault(lane % self._workers, (method, {}))[1][lane] = value
        results: dict[int, Any] = {}
        for answer in self._pool.ask(requests).values():
            results |= answer
        return results


@contextlib.contextmanager
def open_lanes(specs: Sequence[EnvSpec], workers: int) -> Generator[LocalLanes | WorkerLanes]:
    """Open environments from specs: in this process for one worker, else in worker processes.

    Raises:
        WorkerError: a worker process died at its start.
    """
    if workers == 1:
        with contextlib.closing(LocalLanes(specs)) as lanes:
            yield lanes
        return
    with LocalEngine(workers).open(_LanesJob(tuple(specs))) as pool:
        yield WorkerLanes(pool, workers)
