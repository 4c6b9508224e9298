"""Several environments in lock-step, in this process or in spawned ones."""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
import traceback
import warnings
from collections.abc import Mapping
from multiprocessing.connection import Connection
from typing import Any, Final, NamedTuple

import gymnasium
import numpy as np
from gymnasium.envs.registration import EnvSpec
from numpy.typing import NDArray

from vd4rl_data.errors import WorkerError
from vd4rl_data.simulators.gl import configure_worker_rendering

_EXIT_SECONDS: Final = 10.0


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


class WorkerLanes:
    """The same, spread over spawned processes: lane i lives in process i modulo their number."""

    def __init__(self, spec: EnvSpec, workers: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._processes: list[Any] = []
        self._connections: list[Connection] = []
        try:
            for _ in range(workers):
                ours, theirs = context.Pipe()
                process = context.Process(target=_serve, args=(theirs, spec), daemon=True)
                self._connections.append(ours)
                process.start()
                self._processes.append(process)
                theirs.close()  # so that a dead worker reads as the end of the stream
        except BaseException:
            self.kill()
            raise

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

    def close(self) -> None:
        """Let the workers finish by themselves; one that does not is killed."""
        for connection in self._connections:
            connection.close()
        for process in self._processes:
            process.join(_EXIT_SECONDS)
        self.kill()

    def kill(self) -> None:
        """End every worker that still runs, and reap all of them."""
        for connection in self._connections:
            connection.close()
        for process in self._processes:
            process.kill()
            process.join()
            process.close()
        self._processes.clear()

    def _call(self, method: str, arguments: Mapping[int, Any]) -> dict[int, Any]:
        workers = sorted({self._worker_of(lane) for lane in arguments})
        for worker in workers:
            mine = {
                lane: value for lane, value in arguments.items() if self._worker_of(lane) == worker
            }
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                self._connections[worker].send((method, mine))  # `_receive` says why it is broken
        results: dict[int, Any] = {}
        for worker in workers:
            results |= self._receive(worker)
        return results

    def _worker_of(self, lane: int) -> int:
        return lane % len(self._processes)

    def _receive(self, worker: int) -> dict[int, Any]:
        try:
            error, result, caught = self._connections[worker].recv()
        except (EOFError, ConnectionResetError) as end:
            process = self._processes[worker]
            process.join(_EXIT_SECONDS)
            raise WorkerError(
                f"worker {worker} of {len(self._processes)} died with exit code {process.exitcode}"
                " (negative: killed by that signal; -9 is often a lack of memory). If it never"
                ' started, the script needs `if __name__ == "__main__":` around its calls.'
            ) from end
        for category, text in caught:
            warnings.warn(text, category, stacklevel=2)
        if error is not None:
            raise WorkerError(f"worker {worker} of {len(self._processes)} raised:\n{error}")
        return result


def _serve(connection: Connection, spec: EnvSpec) -> None:
    """A worker's life: answer until the pipe closes. Warnings travel with the answers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the main process decides what Ctrl-C means
    configure_worker_rendering()
    lanes = LocalLanes(spec)
    with contextlib.closing(lanes), contextlib.suppress(EOFError, BrokenPipeError):
        while True:
            method, arguments = connection.recv()
            error, result = None, None
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("default")
                try:
                    result = getattr(lanes, method)(arguments)
                except Exception:  # noqa: BLE001 - whatever it is, the main process raises it
                    error = traceback.format_exc()
            notes = [(note.category, str(note.message)) for note in caught]
            connection.send((error, result, notes))
