"""Several environments in lock-step, in this process or in worker processes."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import gymnasium
import numpy as np
from gymnasium.envs.registration import EnvSpec
from numpy.typing import NDArray

from vd4rl_data.processes import LocalEngine, LocalPool, Report
from vd4rl_data.simulators.gl import configure_worker_rendering


class LaneStep(NamedTuple):
    """What an environment returned from ``step``; ``success`` is ``None`` where it does not say."""

    observation: NDArray[np.uint8]
    reward: float
    terminated: bool
    truncated: bool
    success: bool | None


class LocalLanes:
    """Environments of this process, one per lane, made when first reset."""

    def __init__(self, spec: EnvSpec) -> None:
        self._spec = spec
        self._envs: dict[int, gymnasium.Env[Any, Any]] = {}

    def reset(self, seeds: Mapping[int, int]) -> dict[int, NDArray[np.uint8]]:
        """Start an episode on the given lanes; returns their first observations."""
        for lane in seeds:
            if lane not in self._envs:
                self._envs[lane] = gymnasium.make(self._spec)
        return {lane: self._envs[lane].reset(seed=seed)[0] for lane, seed in seeds.items()}

    def step(self, actions: Mapping[int, NDArray[np.float32]]) -> dict[int, LaneStep]:
        """Take one time step on the given lanes."""
        return {lane: self._step(lane, action) for lane, action in actions.items()}

    def _step(self, lane: int, action: NDArray[np.float32]) -> LaneStep:
        observation, reward, terminated, truncated, info = self._envs[lane].step(action)
        success = bool(info["success"]) if "success" in info else None
        return LaneStep(observation, float(reward), terminated, truncated, success)

    def close(self) -> None:
        """Close every environment."""
        for env in self._envs.values():
            env.close()
        self._envs.clear()


@dataclass(frozen=True, slots=True)
class _LanesJob:
    """Environments in a worker process."""

    spec: EnvSpec

    def open(self) -> _LanesSession:
        configure_worker_rendering()
        return _LanesSession(LocalLanes(self.spec))


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
    """The same, spread over processes: lane i lives in process i modulo their number."""

    def __init__(self, pool: LocalPool, workers: int) -> None:
        self._pool = pool
        self._workers = workers

    def reset(self, seeds: Mapping[int, int]) -> dict[int, NDArray[np.uint8]]:
        """Start an episode on the given lanes; returns their first observations.

        Raises:
            WorkerError: a worker raised or died.
        """
        return self._call("reset", seeds)

    def step(self, actions: Mapping[int, NDArray[np.float32]]) -> dict[int, LaneStep]:
        """Take one time step on the given lanes.

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
def open_lanes(spec: EnvSpec, workers: int) -> Generator[LocalLanes | WorkerLanes]:
    """Environments of one spec, in this process if there is one worker, else in worker processes.

    Raises:
        WorkerError: a worker died at its start.
    """
    if workers == 1:
        with contextlib.closing(LocalLanes(spec)) as lanes:
            yield lanes
        return
    with LocalEngine(workers).open(_LanesJob(spec)) as pool:
        yield WorkerLanes(pool, workers)
