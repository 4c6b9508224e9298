"""Evaluation: how much return a policy gets, in episodes that anyone can play again."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, NoReturn, Protocol, cast, runtime_checkable

import gymnasium
import numpy as np
from gymnasium.envs.registration import EnvSpec
from gymnasium.spaces import Box
from gymnasium.vector import VectorEnv
from jaxtyping import Bool, Float32, Float64, Int64, UInt8
from numpy.typing import ArrayLike, NDArray
from tqdm import tqdm

from vd4rl_data.arguments import checked_count
from vd4rl_data.envs.lanes import LaneStep, LocalLanes, WorkerLanes, open_lanes
from vd4rl_data.envs.registration import find_env_spec, find_environment
from vd4rl_data.errors import InvalidTraceError
from vd4rl_data.registry import get_dataset_spec
from vd4rl_data.scores import normalized_score
from vd4rl_data.simulators import Simulation
from vd4rl_data.simulators.actions import checked_actions, to_array
from vd4rl_data.spec import DatasetSpec

EnvOrId = str | gymnasium.Env[Any, Any] | VectorEnv[Any, Any, Any]


@runtime_checkable
class Policy(Protocol):
    """What is evaluated: stacked frames in, actions out.

    A policy that remembers (a recurrent one) also has a method ``reset(batch_size: int)``, called
    before the first frames of every group of episodes.
    """

    def __call__(self, observations: NDArray[np.uint8], /) -> ArrayLike:
        """Choose actions.

        Args:
            observations: uint8 (B, K, H, W, 3), a fresh array: the last K frames of B episodes,
                oldest first.

        Returns:
            Numbers (B, A) in [-1, 1].
        """
        ...


@dataclass(frozen=True, slots=True, eq=False)
class ActionTrace:
    """Everything that :func:`replay` needs to get an episode's return again.

    Attributes:
        seed: what the environment was reset with.
        actions: float32 (T, A), as the simulator got them.
    """

    seed: int
    actions: Float32[np.ndarray, "T A"]


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """Raw results of E episodes, in episode order.

    Attributes:
        returns: float64 (E,), undiscounted.
        lengths: int64 (E,), in time steps.
        successes: bool (E,), whether ``info["success"]`` was ever true; ``None`` where no
            environment said.
        traces: one per episode.
    """

    returns: Float64[np.ndarray, " E"]
    lengths: Int64[np.ndarray, " E"]
    successes: Bool[np.ndarray, " E"] | None
    traces: tuple[ActionTrace, ...]

    def normalized(self, dataset: DatasetSpec | str) -> Float64[np.ndarray, " E"]:
        """Normalized scores, float64 (E,), in a dataset's scale; papers print 100 times this.

        Raises:
            UnknownDatasetError: the id is not in the catalog.
        """
        spec = get_dataset_spec(dataset) if isinstance(dataset, str) else dataset
        return np.asarray(normalized_score(spec, self.returns), dtype=np.float64)


def episode_seed(seed: int, episode: int) -> int:
    """The seed of one episode.

    The first 32-bit word of ``numpy.random.SeedSequence(seed, spawn_key=(episode,))``. It depends
    on nothing else, so an episode is the same in whatever group or process it runs.
    """
    sequence = np.random.SeedSequence(seed, spawn_key=(episode,))
    return int(sequence.generate_state(1, np.uint32)[0])


def evaluate(
    policy: Policy,
    env_or_id: EnvOrId,
    episodes: int,
    seed: int,
    frame_stack: int = 1,
    workers: int = 1,
    inference_batch: int = 10,
    progress: bool = False,
) -> Evaluation:
    """Play episodes with a policy.

    The policy runs in this process and always sees ``inference_batch`` episodes at once; those that
    have ended keep their last frames, those that do not exist are black. Results are therefore the
    same bits for any number of workers.

    Args:
        policy: a callable as in :class:`Policy`.
        env_or_id: a dataset id, or an environment (or vector of them) made from one; it is not
            stepped, its spec is made anew. Observations must be single frames: stacking happens
            here.
        episodes: how many, at least 1.
        seed: episode i is reset with :func:`episode_seed` (seed, i).
        frame_stack: K, the frames shown to the policy; the first one is repeated at the start, as
            ``FrameStackObservation(env, K, padding_type="reset")`` does.
        workers: processes for the environments; 1 keeps them in this one.
        inference_batch: B, the batch that the policy sees.
        progress: show a progress bar of time steps; an episode that ends early counts in full.

    Raises:
        TypeError: a count or the seed is not an integer.
        ValueError: a count is below 1, the seed below 0, or the environment has other spaces than
            frames and [-1, 1].
        InvalidActionError: the policy returned something else than finite (B, A) in [-1, 1].
        WorkerError: a worker process raised or died; its traceback is in the message.
        InvalidIdError, UnknownDatasetError: as in :func:`vd4rl_data.envs.find_env_spec`.
    """
    episodes = checked_count("episodes", episodes)
    frame_stack = checked_count("frame_stack", frame_stack)
    workers = checked_count("workers", workers)
    inference_batch = checked_count("inference_batch", inference_batch)
    seed = checked_count("seed", seed, least=0)
    spec = find_env_spec(env_or_id)
    frame_shape, action_size = _shapes(spec)
    shape = (inference_batch, frame_stack, *frame_shape)
    group = _Group(policy, shape, action_size, spec.max_episode_steps or 0)
    seeds = [episode_seed(seed, i) for i in range(episodes)]
    records: list[_Record] = []
    processes = min(workers, inference_batch, episodes)
    with open_lanes(spec, processes) as lanes, _bar(spec, episodes, show=progress) as bar:
        for first in range(0, episodes, inference_batch):
            records += group.play(lanes, seeds[first : first + inference_batch], bar.update)
            bar.set_description(f"episode {len(records)}/{episodes}")
    return _evaluation(records)


def replay(env_or_id: EnvOrId, traces: Iterable[ActionTrace]) -> Float64[np.ndarray, " E"]:
    """Play recorded actions again, without rendering.

    Args:
        env_or_id: as in :func:`evaluate`; only dm_control tasks of this package.
        traces: whole episodes, e.g. of :attr:`Evaluation.traces`.

    Returns:
        float64 (E,), undiscounted returns; with the simulator versions of the recording, the same
        bits.

    Raises:
        InvalidTraceError: a trace is shorter or longer than its episode.
        InvalidActionError: a trace has actions of a wrong shape or outside [-1, 1].
        ValueError: the environment is not one of this package, or wrappers stand around it.
    """
    simulation = Simulation(find_environment(env_or_id).task)
    limit = find_env_spec(env_or_id).max_episode_steps or simulation.task.time_steps
    with contextlib.closing(simulation):
        returns = [
            _replay(simulation, trace, limit, f"trace {i}") for i, trace in enumerate(traces)
        ]
    return np.array(returns, dtype=np.float64)


def _replay(simulation: Simulation, trace: ActionTrace, limit: int, where: str) -> float:
    shape = (len(trace.actions), simulation.task.action_size)
    actions = checked_actions(trace.actions, shape, where)
    simulation.reset(trace.seed)
    episode_return, ended = 0.0, False
    for step, action in enumerate(actions):
        if ended:
            raise InvalidTraceError(
                f"{where}: the episode ends after {step} of {len(actions)} actions"
            )
        result = simulation.step(action)
        episode_return += result.reward
        ended = result.terminated or result.truncated or step + 1 == limit
    if not ended:
        raise InvalidTraceError(f"{where}: the episode goes on after its {len(actions)} actions")
    return episode_return


@dataclass(slots=True, eq=False)
class _Record:
    """One episode while it is played."""

    seed: int
    episode_return: float = 0.0
    actions: list[NDArray[np.float32]] = field(default_factory=list[NDArray[np.float32]])
    success: bool | None = None
    running: bool = True

    def add(self, action: NDArray[np.float32], step: LaneStep) -> None:
        self.actions.append(action)
        self.episode_return += step.reward
        if step.success is not None:
            self.success = step.success or bool(self.success)
        self.running = not (step.terminated or step.truncated)


class _Group:
    """Plays up to B episodes in lock-step, showing the policy a batch of exactly B."""

    def __init__(
        self, policy: Policy, shape: tuple[int, ...], action_size: int, longest: int
    ) -> None:
        self._policy = policy
        self._longest = longest
        self._shape = shape  # (B, K, H, W, 3)
        self._action_size = action_size

    def play(
        self, lanes: LocalLanes | WorkerLanes, seeds: list[int], count: Callable[[int], Any]
    ) -> list[_Record]:
        records = [_Record(seed) for seed in seeds]
        stacks = np.zeros(self._shape, dtype=np.uint8)
        for lane, frame in lanes.reset(dict(enumerate(seeds))).items():
            stacks[lane] = frame  # repeated K times
        reset = getattr(self._policy, "reset", None)
        if reset is not None:
            reset(self._shape[0])
        while running := [lane for lane, record in enumerate(records) if record.running]:
            actions = self._act(stacks, running)
            for lane, step in lanes.step(actions).items():
                records[lane].add(actions[lane], step)
                stacks[lane, :-1] = stacks[lane, 1:]
                stacks[lane, -1] = step.observation
            count(len(running))
            early = (records[lane] for lane in running if not records[lane].running)
            count(sum(max(0, self._longest - len(record.actions)) for record in early))
        return records

    def _act(
        self, stacks: UInt8[np.ndarray, "B K H W 3"], running: list[int]
    ) -> dict[int, NDArray[np.float32]]:
        shape = (self._shape[0], self._action_size)
        batch = to_array(self._policy(stacks.copy()), shape, "policy")
        where = "policy: episode {} of the batch"
        return {
            lane: checked_actions(batch[lane], shape[1:], where.format(lane)) for lane in running
        }


def _bar(spec: EnvSpec, episodes: int, *, show: bool) -> tqdm[NoReturn]:
    longest = spec.max_episode_steps
    return tqdm(
        total=longest and longest * episodes,
        desc=f"episode 0/{episodes}",
        unit=" steps",
        disable=not show,
        dynamic_ncols=True,
    )


def _shapes(spec: EnvSpec) -> tuple[tuple[int, ...], int]:
    """Shape of a frame and number of action dimensions, of an environment that evaluation takes."""
    with contextlib.closing(gymnasium.make(spec)) as env:
        observations, actions = env.observation_space, env.action_space
    shape = observations.shape or ()
    if observations.dtype != np.uint8 or len(shape) != 3 or shape[-1] != 3:
        raise ValueError(
            f"{spec.id}: expected observations of uint8 (H, W, 3), got {observations}; pass the"
            " environment without a frame stack or other observation wrappers"
        )
    bounded = isinstance(actions, Box) and bool(np.all(np.abs([actions.low, actions.high]) == 1.0))
    if not bounded or len(actions.shape or ()) != 1:
        raise ValueError(f"{spec.id}: expected actions (A,) in [-1, 1], got {actions}")
    return shape, cast("tuple[int]", actions.shape)[0]


def _evaluation(records: list[_Record]) -> Evaluation:
    told = any(record.success is not None for record in records)
    return Evaluation(
        returns=np.array([record.episode_return for record in records], dtype=np.float64),
        lengths=np.array([len(record.actions) for record in records], dtype=np.int64),
        successes=np.array([bool(record.success) for record in records]) if told else None,
        traces=tuple(ActionTrace(record.seed, np.stack(record.actions)) for record in records),
    )
